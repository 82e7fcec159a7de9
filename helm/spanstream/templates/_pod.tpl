{{/*
The pod of a part. Arguments: root, part, args (of the program), image, resources, serves (whether it has the HTTP
port), and, if they differ from the CPU pool's: env, volumes and mounts (lists), nodeSelector, tolerations, affinity,
runtimeClassName, restartPolicy, readsModel, workingDir.
*/}}
{{- define "spanstream.pod" -}}
{{- $values := .root.Values -}}
{{- $fetches := and .readsModel (eq $values.model.source "fetch") -}}
{{- $tls := $values.kafka.tls -}}
metadata:
  labels:
    # Nothing that a new version of the chart alone would change: it would make new pods.
    {{- include "spanstream.partSelector" (dict "root" .root "part" .part) | nindent 4 }}
    {{- with merge (deepCopy ($values.podLabels | default dict)) ($values.commonLabels | default dict) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Another configuration makes new pods.
    checksum/settings: {{ include "spanstream.settings" .root | sha256sum }}
    {{- with .checksum }}
    checksum/playbook: {{ . }}
    {{- end }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "spanstream.serviceAccount" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "spanstream.written" $values.terminationGracePeriodSeconds }}
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .runtimeClassName }}
  runtimeClassName: {{ . | quote }}
  {{- end }}
  securityContext:
    {{- toYaml $values.podSecurityContext | nindent 4 }}
  {{- if $fetches }}
  initContainers:
    - name: fetch-model
      image: {{ .image | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: [model, fetch, "$(MODEL_URL)", --sha256, {{ $values.model.fetch.sha256 | quote }}, --output, /model/artifact]
      envFrom:
        {{- include "spanstream.envFrom" .root | nindent 8 }}
      env:
        - name: MODEL_URL
          {{- if $values.model.fetch.urlSecret.name }}
          valueFrom:
            secretKeyRef: {name: {{ $values.model.fetch.urlSecret.name | quote }}, key: {{ $values.model.fetch.urlSecret.key | quote }}}
          {{- else }}
          value: {{ $values.model.fetch.url | quote }}
          {{- end }}
        {{- with include "spanstream.extraEnv" .root | fromJsonArray }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: model, mountPath: /model}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  {{- end }}
  containers:
    - name: {{ .part }}
      image: {{ .image | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: {{ toJson .args }}
      {{- with .workingDir }}
      workingDir: {{ . }}
      {{- end }}
      envFrom:
        {{- include "spanstream.envFrom" .root | nindent 8 }}
      {{- /* Collected first, so that it can be left out if it is empty. */}}
      {{- $env := concat (include "spanstream.secrets" .root | fromYamlArray) (.env | default list) (include "spanstream.extraEnv" .root | fromJsonArray) }}
      {{- with $env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .serves }}
      ports:
        - {name: http, containerPort: {{ $values.http.port }}, protocol: TCP}
        {{- if and $values.answersApi.enabled (eq .part "consumer") }}
        - {name: answers, containerPort: {{ $values.answersApi.port }}, protocol: TCP}
        {{- end }}
      startupProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: {{ $values.probes.startup.periodSeconds }}
        failureThreshold: {{ $values.probes.startup.failureThreshold }}
        timeoutSeconds: 3
      # The loop turns. A consumer that waits for Kafka is alive: to start it anew would not help.
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: {{ $values.probes.liveness.periodSeconds }}
        failureThreshold: {{ $values.probes.liveness.failureThreshold }}
        timeoutSeconds: 5
      # Partitions are owned and their documents are read.
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: {{ $values.probes.readiness.periodSeconds }}
        failureThreshold: {{ $values.probes.readiness.failureThreshold }}
        timeoutSeconds: 3
      {{- end }}
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if $fetches }}
        - {name: model, mountPath: /model, readOnly: true}
        {{- end }}
        {{- if and $tls.enabled $tls.secretName }}
        - {name: kafka, mountPath: /etc/spanstream/kafka, readOnly: true}
        {{- end }}
        {{- if and $tls.enabled $tls.certSecretName }}
        - {name: kafka-client, mountPath: /etc/spanstream/kafka-client, readOnly: true}
        {{- end }}
        {{- with concat (.mounts | default list) ($values.extraVolumeMounts | default list) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {medium: Memory, sizeLimit: 16Mi}
    {{- if $fetches }}
    - name: model
      emptyDir: {sizeLimit: {{ include "spanstream.written" $values.model.fetch.sizeLimit | quote }}}
    {{- end }}
    {{- if and $tls.enabled $tls.secretName }}
    - name: kafka
      secret: {secretName: {{ $tls.secretName | quote }}, defaultMode: 0440}
    {{- end }}
    {{- if and $tls.enabled $tls.certSecretName }}
    - name: kafka-client
      secret: {secretName: {{ $tls.certSecretName | quote }}, defaultMode: 0440}
    {{- end }}
    {{- with concat (.volumes | default list) ($values.extraVolumes | default list) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .serves }}
  {{- $ours := dict "labelSelector" (dict "matchLabels" (include "spanstream.partSelector" . | fromYaml)) }}
  topologySpreadConstraints:
    {{- range $values.topologySpreadConstraints }}
    - {{- hasKey . "labelSelector" | ternary . (merge (deepCopy .) $ours) | toYaml | nindent 6 }}
    {{- else }}
    {{- range $values.spreadOver }}
    - topologyKey: {{ . }}
      maxSkew: 1
      # Better unevenly than not at all: what is asked is answered late, not never.
      whenUnsatisfiable: ScheduleAnyway
      {{- toYaml $ours | nindent 6 }}
    {{- end }}
    {{- end }}
  {{- end }}
{{- end -}}
