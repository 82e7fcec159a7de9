{{/* Where pods connect to: from the addresses in the values, unless the network policy's own values say it. */}}

{{/*
A rule for one server. Arguments: root, policy (its values: to, ports), addresses (host, or host:port) and port (where an
address has none).
*/}}
{{- define "spanstream.egressRule" -}}
{{- $ports := .policy.ports | default list -}}
{{- $to := .policy.to -}}
{{- if kindIs "invalid" $to -}}{{- $to = include "spanstream.peers" . | fromJsonArray -}}{{- end -}}
{{- if not $ports -}}
{{- range .addresses -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default $.port | int) -}}
{{- end -}}
{{- end -}}
- ports:
    {{- range $ports | uniq }}
    - {port: {{ . | int }}, protocol: TCP}
    {{- end }}
  {{- with $to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The namespaces of addresses that are all names inside of the cluster, as a JSON list of peers; else an empty one. */}}
{{- define "spanstream.peers" -}}
{{- $namespaces := list -}}
{{- range .addresses -}}
{{- $host := regexReplaceAll ":[0-9]+$" . "" -}}
{{- $service := "^.*\\.([a-z0-9-]+)\\.svc(\\.cluster\\.local)?\\.?$" -}}
{{- if regexMatch "^[a-z0-9-]+$" $host -}}
{{- $namespaces = append $namespaces $.root.Release.Namespace -}}
{{- else if regexMatch $service $host -}}
{{- $namespaces = append $namespaces (regexReplaceAll $service $host "${1}") -}}
{{- end -}}
{{- end -}}
{{- $peers := list -}}
{{- if eq (len $namespaces) (len .addresses) -}}
{{- range $namespaces | uniq -}}
{{- $peers = append $peers (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .))) -}}
{{- end -}}
{{- end -}}
{{- $peers | toJson -}}
{{- end -}}

{{/* Host and port of a URL. */}}
{{- define "spanstream.authority" -}}
{{- regexReplaceAll "^[a-z]+://([^/?#]*).*$" . "${1}" -}}
{{- end -}}
