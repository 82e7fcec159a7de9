{{/* What values add to the pods as they are: refused where it would take the place of what the chart sets. */}}

{{/* A character for which helm has no form in YAML, or that no terminal should be sent. */}}
{{- define "spanstream.control" -}}
[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\x{fffe}\x{ffff}]
{{- end -}}

{{- define "spanstream.checkExtras" -}}
{{- $wrong := list -}}
{{- range $group, $texts := dict
      "annotations" .Values.annotations "podAnnotations" .Values.podAnnotations "commonLabels" .Values.commonLabels
      "podLabels" .Values.podLabels "serviceAccount.annotations" .Values.serviceAccount.annotations
      "topicCreation.strimzi.annotations" .Values.topicCreation.strimzi.annotations -}}
{{- range $name, $text := $texts -}}
{{- if regexMatch (include "spanstream.control" $) $text -}}
{{- $wrong = append $wrong (printf "%s.%s holds a control character" $group $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $number, $object := .Values.extraObjects -}}
{{- if not (kindIs "string" $object | ternary "a text" (toYaml $object)) -}}
{{- $wrong = append $wrong (printf "extraObjects[%d] holds a control character" $number) -}}
{{- end -}}
{{- end -}}
{{- $ours := list "tmp" "model" "kafka" "kafka-client" "playbook" "manifests" -}}
{{- $volumes := list -}}
{{- range .Values.extraVolumes -}}
{{- if has .name $ours -}}
{{- $wrong = append $wrong (printf "extraVolumes.%s is the chart's own: give it another name" .name) -}}
{{- else if has .name $volumes -}}
{{- $wrong = append $wrong (printf "extraVolumes.%s is there twice" .name) -}}
{{- end -}}
{{- $volumes = append $volumes .name -}}
{{- end -}}
{{- $paths := list "/tmp" "/model" "/manifests" "/etc/spanstream/kafka" "/etc/spanstream/kafka-client" "/etc/spanstream/playbook" -}}
{{- range .Values.extraVolumeMounts -}}
{{- if not (has .name $volumes) -}}
{{- $wrong = append $wrong (printf "extraVolumeMounts.%s is none of extraVolumes" .name) -}}
{{- end -}}
{{- if has (.mountPath | default "" | clean) $paths -}}
{{- $wrong = append $wrong (printf "extraVolumeMounts.%s is mounted at %s, which is the chart's own" .name .mountPath) -}}
{{- end -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}
