{{/* A value as text. Helm holds numbers as floats, and would write a million as 1e+06. */}}
{{- define "spanstream.written" -}}
{{- if kindIs "float64" . -}}{{ eq (floor .) . | ternary (int64 . | toString) (toString .) }}{{- else -}}{{ toString . }}{{- end -}}
{{- end -}}

{{/* The settings from the values, by their names in the environment, without passwords and without what differs by pod. */}}

{{- define "spanstream.settings" -}}
SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS: {{ .Values.kafka.bootstrapServers | quote }}
SPANSTREAM_KAFKA__GROUP_ID: {{ .Values.kafka.groupId | quote }}
SPANSTREAM_KAFKA__GROUP_PROTOCOL: {{ .Values.kafka.groupProtocol | quote }}
SPANSTREAM_KAFKA__TRANSACTIONS: {{ eq .Values.kafka.delivery "exactly-once" | quote }}
{{- with .Values.kafka.transactionTimeoutSeconds }}
SPANSTREAM_KAFKA__TRANSACTION_TIMEOUT_SECONDS: {{ include "spanstream.written" . | quote }}
{{- end }}
{{- with include "spanstream.kafkaClient" . | fromJson }}
SPANSTREAM_KAFKA__CLIENT: {{ toJson . | quote }}
{{- end }}
SPANSTREAM_TOPICS__DOCUMENTS: {{ .Values.kafka.topics.documents | quote }}
SPANSTREAM_TOPICS__QUESTIONS: {{ .Values.kafka.topics.questions | quote }}
SPANSTREAM_TOPICS__ANSWERS: {{ .Values.kafka.topics.answers | quote }}
SPANSTREAM_TOPICS__DEAD_LETTERS: {{ .Values.kafka.topics.deadLetters | quote }}
SPANSTREAM_TOPICS__RETRIES: {{ .Values.kafka.topics.retries | quote }}
{{- with .Values.redis.url }}
SPANSTREAM_REDIS__URL: {{ . | quote }}
{{- end }}
{{- with .Values.model.threads }}
SPANSTREAM_MODEL__THREADS: {{ include "spanstream.written" . | quote }}
{{- end }}
{{- if eq .Values.model.source "fetch" }}
SPANSTREAM_MODEL__PATH: /model/artifact
{{- else if .Values.model.path }}
SPANSTREAM_MODEL__PATH: {{ .Values.model.path | quote }}
{{- end }}
SPANSTREAM_HTTP__HOST: {{ .Values.http.host | quote }}
SPANSTREAM_HTTP__PORT: {{ include "spanstream.written" .Values.http.port | quote }}
SPANSTREAM_DRAIN_SECONDS: {{ include "spanstream.written" .Values.drainSeconds | quote }}
SPANSTREAM_LOG__FORMAT: json
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ include "spanstream.written" $value | quote }}
{{- end }}
{{- end -}}

{{/* Settings that a value of the chart sets, each with that value's name: nothing else may set them. */}}
{{- define "spanstream.takenSettings" -}}
{{- dict
      "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS" "kafka.bootstrapServers"
      "SPANSTREAM_KAFKA__GROUP_ID" "kafka.groupId"
      "SPANSTREAM_KAFKA__GROUP_PROTOCOL" "kafka.groupProtocol"
      "SPANSTREAM_KAFKA__GROUP_INSTANCE_ID" "kafka.staticMembership"
      "SPANSTREAM_KAFKA__TRANSACTIONS" "kafka.delivery"
      "SPANSTREAM_KAFKA__TRANSACTION_TIMEOUT_SECONDS" "kafka.transactionTimeoutSeconds"
      "SPANSTREAM_KAFKA__CLIENT" "kafka.client"
      "SPANSTREAM_TOPICS__DOCUMENTS" "kafka.topics.documents"
      "SPANSTREAM_TOPICS__QUESTIONS" "kafka.topics.questions"
      "SPANSTREAM_TOPICS__ANSWERS" "kafka.topics.answers"
      "SPANSTREAM_TOPICS__DEAD_LETTERS" "kafka.topics.deadLetters"
      "SPANSTREAM_TOPICS__RETRIES" "kafka.topics.retries"
      "SPANSTREAM_REDIS__URL" "redis.url or redis.urlSecret"
      "SPANSTREAM_MODEL__PATH" "model.path or model.fetch"
      "SPANSTREAM_MODEL__THREADS" "model.threads"
      "SPANSTREAM_HTTP__HOST" "http.host"
      "SPANSTREAM_HTTP__PORT" "http.port"
      "SPANSTREAM_ANSWERS_API__HOST" "http.host"
      "SPANSTREAM_ANSWERS_API__PORT" "answersApi.port"
      "SPANSTREAM_ANSWERS_API__TOKEN" "answersApi.tokenSecret"
      "SPANSTREAM_DRAIN_SECONDS" "drainSeconds"
      "SPANSTREAM_LOG__FORMAT" "nothing: logs of pods are JSON"
      "SPANSTREAM_TRIAGE__PLAYBOOK" "triage.playbook or triage.playbookConfigMap" | toJson -}}
{{- end -}}

{{/* librdkafka's properties: those of kafka.client, and those for SASL and TLS, without the passwords. */}}
{{- define "spanstream.kafkaClient" -}}
{{- $client := deepCopy (.Values.kafka.client | default dict) -}}
{{- $sasl := .Values.kafka.sasl.mechanism -}}
{{- $tls := .Values.kafka.tls -}}
{{- if or $sasl $tls.enabled -}}
{{- $_ := set $client "security.protocol" (printf "%s%s" (ternary "SASL_" "" (not (empty $sasl))) ($tls.enabled | ternary "SSL" "PLAINTEXT")) -}}
{{- end -}}
{{- with $sasl -}}{{- $_ := set $client "sasl.mechanism" . -}}{{- end -}}
{{- $clients := $tls.certSecretName | empty | ternary "kafka" "kafka-client" -}}
{{- if and $tls.enabled $tls.secretName -}}
{{- with $tls.caKey -}}{{- $_ := set $client "ssl.ca.location" (printf "/etc/spanstream/kafka/%s" .) -}}{{- end -}}
{{- end -}}
{{- if and $tls.enabled (or $tls.secretName $tls.certSecretName) -}}
{{- with $tls.certKey -}}{{- $_ := set $client "ssl.certificate.location" (printf "/etc/spanstream/%s/%s" $clients .) -}}{{- end -}}
{{- with $tls.keyKey -}}{{- $_ := set $client "ssl.key.location" (printf "/etc/spanstream/%s/%s" $clients .) -}}{{- end -}}
{{- end -}}
{{- $client | toJson -}}
{{- end -}}

{{/* Where the settings of all containers are. */}}
{{- define "spanstream.envFrom" -}}
{{- with .Values.existingSecret }}
- secretRef: {name: {{ . | quote }}}
{{- end }}
{{- /* Last: what is there twice is the chart's. */}}
- configMapRef: {name: {{ include "spanstream.name" . }}-settings}
{{- end -}}

{{/* The names of librdkafka's properties that the values set, passwords too. */}}
{{- define "spanstream.setProperties" -}}
{{- $login := .Values.kafka.sasl.mechanism | empty | ternary list (list "sasl.username" "sasl.password") -}}
{{- concat $login (include "spanstream.kafkaClient" . | fromJson | keys) | toJson -}}
{{- end -}}

{{/* The property that a variable names, sasl.password of ..CLIENT__SASL_PASSWORD; of other variables no property. */}}
{{- define "spanstream.property" -}}
{{- trimPrefix "SPANSTREAM_KAFKA__CLIENT__" . | lower | replace "_" "." -}}
{{- end -}}

{{/* The Secret with Kafka's user and password. */}}
{{- define "spanstream.saslSecret" -}}
{{- .Values.kafka.sasl.secretName | default .Values.existingSecret -}}
{{- end -}}

{{/* Passwords, by reference. Each property has its own variable; inside a JSON object a password would need quoting. */}}
{{- define "spanstream.secrets" -}}
{{- $login := include "spanstream.saslSecret" . -}}
{{- with .Values.kafka.sasl }}
{{- if .mechanism }}
- name: SPANSTREAM_KAFKA__CLIENT__SASL_USERNAME
  {{- if .username }}
  value: {{ .username | quote }}
  {{- else }}
  valueFrom:
    secretKeyRef: {name: {{ $login | quote }}, key: {{ .usernameKey | quote }}}
  {{- end }}
- name: SPANSTREAM_KAFKA__CLIENT__SASL_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $login | quote }}, key: {{ .passwordKey | quote }}}
{{- end }}
{{- end }}
{{- with .Values.redis.urlSecret }}
{{- if .name }}
- name: SPANSTREAM_REDIS__URL
  valueFrom:
    secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}
{{- end }}
{{- end }}
{{- end -}}
