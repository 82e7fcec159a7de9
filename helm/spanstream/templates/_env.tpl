{{/* `extraEnv`: variables that the chart passes on, and those that it does not. */}}

{{/* As a JSON list, each value as the text that Kubernetes asks for. */}}
{{- define "spanstream.extraEnv" -}}
{{- $variables := list -}}
{{- range .Values.extraEnv -}}
{{- $variable := deepCopy . -}}
{{- if hasKey . "value" -}}{{- $_ := set $variable "value" (include "spanstream.written" .value) -}}{{- end -}}
{{- $variables = append $variables $variable -}}
{{- end -}}
{{- $variables | toJson -}}
{{- end -}}

{{/*
Refuses variables that would win over what the chart sets, and that KEDA, the probes, the Services or the checks here
depend on. The program reads its variables in any case.
*/}}
{{- define "spanstream.checkEnv" -}}
{{- $wrong := list -}}
{{- $taken := include "spanstream.takenSettings" . | fromJson -}}
{{- range list "TOPICS__TICKETS" "TOPICS__TRIAGE" "TOPICS__TRIAGE_STATE" "TRIAGE__GROUP_ID" "TOPICS__FEEDBACK" "TOPICS__LABELS" "FEEDBACK__GROUP_ID" "INDEX__GROUP_ID" "KAFKA__TRANSACTIONAL_ID" "KAFKA__SESSION_TIMEOUT_SECONDS" -}}
{{- $_ := set $taken (printf "SPANSTREAM_%s" .) "" -}}
{{- end -}}
{{- $client := include "spanstream.setProperties" . | fromJsonArray -}}
{{- $settings := merge (dict) (.Values.settings | default dict) (.Values.triage.settings | default dict) -}}
{{- $seen := dict -}}
{{- range $variable := .Values.extraEnv -}}
{{- $name := upper .name -}}
{{- $says := "" -}}
{{- if not (regexMatch "^[-._a-zA-Z][-._a-zA-Z0-9]*$" .name) -}}
{{- $says = "is no name of a variable" -}}
{{- else if hasKey $seen .name -}}
{{- $says = "is there twice" -}}
{{- else if regexMatch (include "spanstream.control" $) (.value | default "" | toString) -}}
{{- $says = "holds a control character" -}}
{{- else if and (hasKey . "value") (hasKey . "valueFrom") -}}
{{- $says = "has both value and valueFrom: choose one of them" -}}
{{- else if eq $name "MODEL_URL" -}}
{{- $says = "is the chart's own" -}}
{{- else if get $taken $name -}}
{{- $says = printf "is set by %s" (get $taken $name) -}}
{{- else if hasKey $taken $name -}}
{{- $says = printf "is read by the chart too: set it in settings%s" (regexMatch "FEEDBACK|LABELS|INDEX" $name | ternary "" " or triage.settings") -}}
{{- else if has (include "spanstream.property" $name) $client -}}
{{- $says = "is set by kafka.client, kafka.sasl or kafka.tls" -}}
{{- else if regexMatch "^SPANSTREAM_([A-Z0-9]+|ANSWERS_API)$" $name -}}
{{- $says = "names a whole group of settings; name each, as docs/settings.md lists them" -}}
{{- else if hasKey $settings $name -}}
{{- $says = "is in settings too: choose one of them" -}}
{{- else if and (hasPrefix "SPANSTREAM_" $name) (hasKey . "value") -}}
{{- $says = "belongs in settings, where it is checked; here are only settings out of a Secret (valueFrom)" -}}
{{- end -}}
{{- with $says -}}{{- $wrong = append $wrong (printf "extraEnv.%s %s" $variable.name .) -}}{{- end -}}
{{- $_ := set $seen .name true -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}
