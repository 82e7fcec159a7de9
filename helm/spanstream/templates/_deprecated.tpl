{{/* Values by the names of version 0.1.0, which work in this version once more; the notes name those that are used. */}}

{{/* `autoscaling`, under what is still said as `scaling`. As JSON. */}}
{{- define "spanstream.autoscaling" -}}
{{- $old := deepCopy (.Values.scaling | default dict) -}}
{{- with $old.mode -}}
{{- $_ := set $old "enabled" (ne . "none") -}}
{{- if eq . "none" -}}{{- $_ := unset $old "mode" -}}{{- end -}}
{{- end -}}
{{- with ($old.hpa | default dict).cpuPercent -}}{{- $_ := set $old "targetCPUUtilizationPercentage" . -}}{{- end -}}
{{- mergeOverwrite (deepCopy .Values.autoscaling) (omit $old "hpa") | toJson -}}
{{- end -}}

{{/* `triage.autoscaling`, under what is still said as `triage.scaling`. As JSON. */}}
{{- define "spanstream.triageAutoscaling" -}}
{{- mergeOverwrite (deepCopy .Values.triage.autoscaling) (.Values.triage.scaling | default dict) | toJson -}}
{{- end -}}

{{/* `replicaCount` of a group of values, or what is still said as `replicas`. */}}
{{- define "spanstream.replicaCount" -}}
{{- kindIs "invalid" .replicas | ternary .replicaCount .replicas | int -}}
{{- end -}}

{{/* What is still said under an old name, as a JSON list of pairs: the old one, the new one. */}}
{{- define "spanstream.deprecated" -}}
{{- $found := list -}}
{{- range $name := list
      (list .Values "" "scaling" "autoscaling") (list .Values "" "replicas" "replicaCount")
      (list .Values.gpu "gpu." "replicas" "replicaCount") (list .Values.triage "triage." "replicas" "replicaCount")
      (list .Values.triage "triage." "scaling" "autoscaling") -}}
{{- $values := index $name 0 -}}
{{- if and (hasKey $values (index $name 2)) (not (kindIs "invalid" (get $values (index $name 2)))) -}}
{{- $found = append $found (list (print (index $name 1) (index $name 2)) (print (index $name 1) (index $name 3))) -}}
{{- end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}
