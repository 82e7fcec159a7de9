{{/* `POST /v1/answers`, from the consumer's pods: its settings, as a JSON list of variables; empty where it is off. */}}
{{- define "spanstream.answersEnv" -}}
{{- $env := list -}}
{{- with .Values.answersApi -}}
{{- if .enabled -}}
{{- $env = list
      (dict "name" "SPANSTREAM_ANSWERS_API__HOST" "value" $.Values.http.host)
      (dict "name" "SPANSTREAM_ANSWERS_API__PORT" "value" (include "spanstream.written" .port))
      (dict "name" "SPANSTREAM_ANSWERS_API__TOKEN" "valueFrom" (dict "secretKeyRef" (dict "name" .tokenSecret.name "key" .tokenSecret.key))) -}}
{{- end -}}
{{- end -}}
{{- $env | toJson -}}
{{- end -}}

{{/* Refuses what would leave it without a token, or on the port of the probes. */}}
{{- define "spanstream.checkAnswers" -}}
{{- $wrong := list -}}
{{- with .Values.answersApi -}}
{{- if and .enabled (not .tokenSecret.name) -}}
{{- $wrong = append $wrong "answersApi.enabled needs answersApi.tokenSecret.name: clients bring a token, which comes from a Secret" -}}
{{- end -}}
{{- if and .enabled (eq (int .port) (int $.Values.http.port)) -}}
{{- $wrong = append $wrong (printf "answersApi.port and http.port are both %d: give one of them another port" (int .port)) -}}
{{- end -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}
