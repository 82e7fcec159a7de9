{{/* What is configured for KEDA and the HorizontalPodAutoscaler. */}}

{{/* Not empty if KEDA asks the pods themselves. */}}
{{- define "spanstream.asksPods" -}}
{{- $scaling := include "spanstream.autoscaling" . | fromJson -}}
{{- if and (eq (include "spanstream.scaling" .) "keda") (eq $scaling.keda.workSeconds.from "pods") -}}yes{{- end -}}
{{- end -}}

{{/* The parts that run until they are stopped; the replay job is not one of them. */}}
{{- define "spanstream.streams" -}}
{{- $parts := list "consumer" -}}
{{- if .Values.gpu.enabled -}}{{- $parts = append $parts "gpu" -}}{{- end -}}
{{- if .Values.triage.enabled -}}{{- $parts = append $parts "triage" -}}{{- end -}}
{{- if .Values.feedback.enabled -}}{{- $parts = append $parts "feedback" -}}{{- end -}}
{{- if .Values.index.enabled -}}{{- $parts = append $parts "index" -}}{{- end -}}
{{- $parts | toJson -}}
{{- end -}}

{{- define "spanstream.behavior" -}}
{{- with (include "spanstream.autoscaling" . | fromJson).behavior -}}
scaleUp:
  stabilizationWindowSeconds: {{ .scaleUp.stabilizationWindowSeconds }}
  policies:
    - {type: Pods, value: {{ .scaleUp.pods }}, periodSeconds: {{ .scaleUp.periodSeconds }}}
scaleDown:
  stabilizationWindowSeconds: {{ .scaleDown.stabilizationWindowSeconds }}
  policies:
    - {type: Pods, value: {{ .scaleDown.pods }}, periodSeconds: {{ .scaleDown.periodSeconds }}}
{{- end -}}
{{- end -}}

{{/*
A ScaledObject. Arguments: root, part, kind, min, max, group, topics, lag (per replica), activation, and, for the
consumer, workSeconds (whether it has the second trigger).
*/}}
{{- define "spanstream.scaledObject" -}}
{{- $keda := (include "spanstream.autoscaling" .root | fromJson).keda -}}
{{- $kafka := .root.Values.kafka -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "spanstream.partName" . }}
  labels:
    {{- include "spanstream.partLabels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: {{ .kind }}, name: {{ include "spanstream.partName" . }}}
  minReplicaCount: {{ .min }}
  maxReplicaCount: {{ .max }}
  pollingInterval: {{ include "spanstream.written" $keda.pollingInterval }}
  cooldownPeriod: {{ include "spanstream.written" $keda.cooldownPeriod }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- include "spanstream.behavior" .root | nindent 8 }}
  triggers:
    {{- $authentication := include "spanstream.authentication" .root }}
    {{- range .topics }}
    - type: kafka
      metadata:
        bootstrapServers: {{ $kafka.bootstrapServers | quote }}
        consumerGroup: {{ $.group | quote }}
        topic: {{ . | quote }}
        lagThreshold: {{ include "spanstream.written" $.lag | quote }}
        activationLagThreshold: {{ include "spanstream.written" $.activation | quote }}
        # As the program: a partition without a committed offset is read from its beginning.
        offsetResetPolicy: earliest
        allowIdleConsumers: "false"
        version: {{ $keda.kafkaVersion | quote }}
        {{- with $kafka.sasl.mechanism }}
        sasl: {{ get (dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512") . }}
        {{- end }}
        {{- if $kafka.tls.enabled }}
        tls: enable
        {{- end }}
      {{- with $authentication }}
      authenticationRef: {name: {{ . | quote }}}
      {{- end }}
    {{- end }}
    {{- if .workSeconds }}
    {{- with include "spanstream.workSecondsTrigger" .root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- end }}
{{- end -}}

{{/* Seconds of work waiting, of all consumers together; the autoscaler divides it by their number. */}}
{{- define "spanstream.workSecondsTrigger" -}}
{{- $name := include "spanstream.name" . -}}
{{- with (include "spanstream.autoscaling" . | fromJson).keda.workSeconds }}
{{- if eq .from "pods" }}
- type: metrics-api
  metadata:
    # With .svc: KEDA takes what stands between the first two dots for the namespace, a port included.
    url: http://{{ $name }}-consumers.{{ $.Release.Namespace }}.svc:{{ include "spanstream.written" $.Values.http.port }}/metrics
    aggregateFromKubeServiceEndpoints: "true"
    aggregationType: sum
    format: prometheus
    valueLocation: spanstream_work_waiting_seconds
    targetValue: {{ include "spanstream.written" .perReplica | quote }}
    # Lag alone wakes the first pod and lets the last one go.
    activationTargetValue: "1000000000"
{{- else if eq .from "prometheus" }}
- type: prometheus
  metadata:
    serverAddress: {{ .prometheusAddress | quote }}
    # By the names that a Deployment or a StatefulSet gives its pods: those of the GPU pool have one part more.
    query: sum(spanstream_work_waiting_seconds{namespace="{{ $.Release.Namespace }}", pod=~"{{ $name }}-([0-9a-z]+-[0-9a-z]{5}|[0-9]+)"}) or vector(0)
    threshold: {{ include "spanstream.written" .perReplica | quote }}
    activationThreshold: "1000000000"
{{- end }}
{{- end }}
{{- end -}}

{{/* The name of the TriggerAuthentication; empty if none is needed. */}}
{{- define "spanstream.authentication" -}}
{{- $scaling := include "spanstream.autoscaling" . | fromJson -}}
{{- $made := or .Values.kafka.sasl.mechanism (and .Values.kafka.tls.enabled (or .Values.kafka.tls.secretName .Values.kafka.tls.certSecretName)) -}}
{{- $scaling.keda.authenticationRef | default ($made | empty | ternary "" (printf "%s-kafka" (include "spanstream.name" .))) -}}
{{- end -}}
