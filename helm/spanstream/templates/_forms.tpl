{{/*
Checks the formats of single values. They are checked here and not in values.schema.json, because here a sentence can say
what is wanted, and a password in the wrong place is not repeated.
*/}}
{{- define "spanstream.checkForms" -}}
{{- $scaling := include "spanstream.autoscaling" . | fromJson -}}
{{- $wrong := list -}}
{{- $address := "^(\\[[0-9a-fA-F:.]+\\]|[^\\s,:@\\[\\]]+):[0-9]{1,5}$" -}}
{{- range .Values.kafka.bootstrapServers | default "" | splitList "," -}}
{{- if not (and (regexMatch $address (trim .)) (le (regexFind "[0-9]*$" (trim .) | int) 65535)) -}}
{{- $wrong = append $wrong "kafka.bootstrapServers has to be host:port, comma-separated, for example kafka-0:9092,kafka-1:9092; an IPv6 address in brackets, for example [fd00::10]:9092" -}}
{{- end -}}
{{- end -}}
{{- range $form := list
      (list "nameOverride" .Values.nameOverride "^[a-z0-9-]*$" "is a part of a name: small letters, digits and dashes")
      (list "fullnameOverride" .Values.fullnameOverride "^([a-z][a-z0-9-]*)?$" "begins with a letter, and has small letters, digits and dashes")
      (list "image.digest" .Values.image.digest "^(sha256:[0-9a-f]{64})?$" "is sha256: and 64 hexadecimal digits")
      (list "gpu.image.digest" .Values.gpu.image.digest "^(sha256:[0-9a-f]{64})?$" "is sha256: and 64 hexadecimal digits")
      (list "redis.url" .Values.redis.url "^((redis|rediss)://[^@\\s]+)?$" "is redis://host:port/database or rediss://, without user and password; a URL with them comes from redis.urlSecret")
      (list "model.path" .Values.model.path "^(/.*)?$" "is an absolute path in the image")
      (list "model.fetch.url" .Values.model.fetch.url "^(https?://[^@\\s]+)?$" "is https://..., without user and password; a URL that is a secret comes from model.fetch.urlSecret")
      (list "model.fetch.sha256" .Values.model.fetch.sha256 "^([0-9a-f]{64})?$" "is 64 hexadecimal digits; sha256sum prints them")
      (list "autoscaling.keda.kafkaVersion" $scaling.keda.kafkaVersion "^[0-9]+\\.[0-9]+\\.[0-9]+$" "is three numbers, for example 3.6.0")
      (list "autoscaling.keda.workSeconds.prometheusAddress" $scaling.keda.workSeconds.prometheusAddress "^(https?://\\S+)?$" "is http://host:port")
      (list "gpu.resource" .Values.gpu.resource "^[a-z0-9.-]+/[A-Za-z0-9._-]+$" "is a device plugin's resource, for example nvidia.com/gpu")
      (list "triage.playbookFile" .Values.triage.playbookFile "^[-._a-zA-Z0-9]+$" "is a file's name: letters, digits, dot, dash and underscore")
      (list "replay.schedule" .Values.replay.schedule "^(@[a-z]+|\\S+( +\\S+){4})$" "is five fields of cron, for example 17 * * * *") -}}
{{- if not (regexMatch (index $form 2) (index $form 1 | default "")) -}}
{{- $wrong = append $wrong (printf "%s %s" (index $form 0) (index $form 3)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $topic := .Values.kafka.topics -}}
{{- if not (regexMatch "^[a-zA-Z0-9._-]{1,249}$" $topic) -}}
{{- $wrong = append $wrong (printf "kafka.topics.%s is a topic's name: letters, digits, dot, dash and underscore" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := .Values.kafka.client -}}
{{- if regexMatch "(password|passphrase|secret|\\.pem$|^sasl\\.jaas|^sasl\\.oauthbearer\\.config$)" $name -}}
{{- $wrong = append $wrong (printf "kafka.client.%s would lie in a ConfigMap; passwords come from the Secret that kafka.sasl.secretName names, or by extraEnv" $name) -}}
{{- end -}}
{{- end -}}
{{- $secret := "(?i)(password|passphrase|secret|token|user[._]info|://[^/\\s]*@)" -}}
{{- range $group, $settings := dict "settings" .Values.settings "triage.settings" .Values.triage.settings -}}
{{- range $name, $_ := $settings -}}
{{- if not (regexMatch "^SPANSTREAM_([A-Z0-9]+(_[A-Z0-9]+)*__[A-Z][A-Z0-9_]*|DRAIN_SECONDS)$" $name) -}}
{{- $wrong = append $wrong (printf "%s.%s is no setting: their names begin with SPANSTREAM_ and the name of a group, as docs/settings.md lists them" $group $name) -}}
{{- else if hasSuffix "_FILE" $name -}}
{{- /* A file's name is no secret. */ -}}
{{- else if or (eq $name "SPANSTREAM_MODEL__TOKEN") (and (regexMatch "^SPANSTREAM_(REDIS|REGISTRY)__(CLIENT|URL)" $name) (regexMatch $secret (printf "%s %v" $name (get $settings $name)))) -}}
{{- $wrong = append $wrong (printf "%s.%s holds a secret, and would lie in a ConfigMap; a Redis URL with its password comes from redis.urlSecret, other secrets from existingSecret or by extraEnv" $group $name) -}}
{{- else if hasPrefix "SPANSTREAM_KAFKA__CLIENT__" $name -}}
{{- $wrong = append $wrong (printf "%s.%s is set by kafka.client, without passwords" $group $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $pool, $resources := dict "resources" .Values.resources "gpu.resources" .Values.gpu.resources "triage.resources" .Values.triage.resources "feedback.resources" .Values.feedback.resources "index.resources" .Values.index.resources "replay.resources" .Values.replay.resources -}}
{{- range $bound, $amounts := $resources -}}
{{- with get ($amounts | default dict) "cpu" -}}
{{- if not (regexMatch "^([0-9]+(\\.[0-9]+)?|[0-9]+m)$" (toString .)) -}}
{{- $wrong = append $wrong (printf "%s.%s.cpu is cores, for example 2, \"1.5\" or 500m" $pool $bound) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $wrong | uniq | toJson -}}
{{- end -}}
