{{/* The ports that pods connect to, from the addresses in the values. */}}

{{- define "spanstream.egress" -}}
- ports:
    {{- range .ports }}
    - {port: {{ . | int }}, protocol: TCP}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "spanstream.kafkaPorts" -}}
{{- $ports := .Values.networkPolicy.kafka.ports -}}
{{- if not $ports -}}
{{- range $broker := splitList "," .Values.kafka.bootstrapServers -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (trim $broker) | int) -}}
{{- end -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{- define "spanstream.redisPorts" -}}
{{- $ports := .Values.networkPolicy.redis.ports -}}
{{- if and (not $ports) (or .Values.redis.url .Values.redis.urlSecret.name) -}}
{{- $ports = list (regexFind ":[0-9]+(/|$)" .Values.redis.url | trimAll ":/" | default "6379" | int) -}}
{{- end -}}
{{- $ports | toJson -}}
{{- end -}}

{{- define "spanstream.modelPort" -}}
{{- $named := regexFind "^https?://[^/]*:[0-9]+" .Values.model.fetch.url | regexFind "[0-9]+$" -}}
{{- $named | default (hasPrefix "http://" .Values.model.fetch.url | ternary "80" "443") -}}
{{- end -}}
