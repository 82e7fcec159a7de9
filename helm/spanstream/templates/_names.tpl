{{/* Names, labels and images. A part is consumer, gpu, triage, feedback, index, replay or topics. */}}

{{- define "spanstream.name" -}}
{{- $own := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- /* A label holds at most 63 characters; the longest part's name and a CronJob's suffix must fit behind this name. */ -}}
{{- .Values.fullnameOverride | default (.Values.nameOverride | empty | ternary $own (printf "%s-%s" .Release.Name .Values.nameOverride)) | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The consumer has just the release's name; the other parts add their own. */}}
{{- define "spanstream.partName" -}}
{{- $name := include "spanstream.name" .root -}}
{{- eq .part "consumer" | ternary $name (printf "%s-%s" $name .part) -}}
{{- end -}}

{{- define "spanstream.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "spanstream.partSelector" -}}
{{ include "spanstream.selector" .root }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "spanstream.labels" -}}
{{ include "spanstream.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The labels of an object that others find by labels of its own, of (list . LABELS): these win. */}}
{{- define "spanstream.labelsWith" -}}
{{- merge (deepCopy (index . 1 | default dict)) (include "spanstream.labels" (index . 0) | fromYaml) | toYaml -}}
{{- end -}}

{{- define "spanstream.partLabels" -}}
{{ include "spanstream.labels" .root }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{/* Labels and annotations of what makes a part's pods. */}}
{{- define "spanstream.workloadMetadata" -}}
labels:
  {{- include "spanstream.partLabels" . | nindent 2 }}
{{- with .root.Values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "spanstream.image" -}}
{{- $image := .Values.image -}}
{{- $image.digest | empty | ternary (printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion)) (printf "%s@%s" $image.repository $image.digest) -}}
{{- end -}}

{{- define "spanstream.gpuImage" -}}
{{- $image := .Values.gpu.image -}}
{{- $tag := $image.tag | default (printf "%s-gpu" (.Values.image.tag | default .Chart.AppVersion)) -}}
{{- $image.digest | empty | ternary (printf "%s:%s" .Values.image.repository $tag) (printf "%s@%s" .Values.image.repository $image.digest) -}}
{{- end -}}

{{- define "spanstream.serviceAccount" -}}
{{- .Values.serviceAccount.create | ternary (.Values.serviceAccount.name | default (include "spanstream.name" .)) (.Values.serviceAccount.name | default "default") -}}
{{- end -}}

{{/* How pods are scaled: keda, hpa or none. */}}
{{- define "spanstream.scaling" -}}
{{- $scaling := include "spanstream.autoscaling" . | fromJson -}}
{{- $found := .Capabilities.APIVersions.Has "keda.sh/v1alpha1/ScaledObject" | ternary "keda" "hpa" -}}
{{- $mode := eq $scaling.mode "auto" | ternary $found $scaling.mode -}}
{{- $scaling.enabled | ternary $mode "none" -}}
{{- end -}}

{{/* A CPU quantity (2, "1.5", "500m") in thousandths of a core. */}}
{{- define "spanstream.milliCpu" -}}
{{- $quantity := toString . -}}
{{- if hasSuffix "m" $quantity -}}{{ trimSuffix "m" $quantity | int }}{{- else -}}{{ mulf (float64 $quantity) 1000 | int }}{{- end -}}
{{- end -}}
