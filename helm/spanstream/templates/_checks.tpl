{{/*
Refuses values that are each valid but contradict each other. Everything that is wrong is reported at once.
values.schema.json checks the types and ranges of single values, and _forms.tpl their formats.
*/}}
{{- define "spanstream.check" -}}
{{- /* Formats come first, because the later checks parse these values. */ -}}
{{- with include "spanstream.checkForms" . | fromJsonArray -}}
{{- fail (printf "these values are wrong:\n- %s" (join "\n- " .)) -}}
{{- end -}}
{{- $wrong := concat
      (include "spanstream.checkTopicCreation" . | fromJsonArray)
      (include "spanstream.checkReplicas" . | fromJsonArray)
      (include "spanstream.checkScaling" . | fromJsonArray)
      (include "spanstream.checkResources" . | fromJsonArray)
      (include "spanstream.checkKafka" . | fromJsonArray)
      (include "spanstream.checkNames" . | fromJsonArray)
      (include "spanstream.checkReferences" . | fromJsonArray)
      (include "spanstream.checkAnswers" . | fromJsonArray)
      (include "spanstream.checkSettings" . | fromJsonArray)
      (include "spanstream.checkEnv" . | fromJsonArray)
      (include "spanstream.checkExtras" . | fromJsonArray) -}}
{{- if $wrong -}}
{{- fail (printf "these values contradict each other:\n- %s" (join "\n- " $wrong)) -}}
{{- end -}}
{{- end -}}

{{- define "spanstream.checkReplicas" -}}
{{- $wrong := list -}}
{{- $scaling := include "spanstream.autoscaling" . | fromJson -}}
{{- $partitions := int .Values.kafka.partitions -}}
{{- $scaled := ne (include "spanstream.scaling" .) "none" -}}
{{- $gpuScaled := eq (include "spanstream.scaling" .) "keda" -}}
{{- $most := $scaled | ternary $scaling.maxReplicas (include "spanstream.replicaCount" .Values) | int -}}
{{- $mostName := $scaled | ternary "autoscaling.maxReplicas" "replicaCount" -}}
{{- if gt $most $partitions -}}
{{- $wrong = append $wrong (printf "%s (%d) is above kafka.partitions (%d): a pod without a partition has nothing to do" $mostName $most $partitions) -}}
{{- else if .Values.gpu.enabled -}}
{{- $gpu := $gpuScaled | ternary .Values.gpu.maxReplicas (include "spanstream.replicaCount" .Values.gpu) | int -}}
{{- if gt (add $most $gpu) $partitions -}}
{{- $wrong = append $wrong (printf "%s (%d) and the GPU pool's pods (%d) are together above kafka.partitions (%d); both pools share them" $mostName $most $gpu $partitions) -}}
{{- end -}}
{{- if and $gpuScaled (gt (int .Values.gpu.minReplicas) (int .Values.gpu.maxReplicas)) -}}
{{- $wrong = append $wrong (printf "gpu.minReplicas (%d) is above gpu.maxReplicas (%d)" (int .Values.gpu.minReplicas) (int .Values.gpu.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and $scaled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- $wrong = append $wrong (printf "autoscaling.minReplicas (%d) is above autoscaling.maxReplicas (%d)" (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- end -}}
{{- with include "spanstream.triageAutoscaling" . | fromJson -}}
{{- if and $.Values.triage.enabled .enabled -}}
{{- if gt (int .maxReplicas) (int .partitions) -}}
{{- $wrong = append $wrong (printf "triage.autoscaling.maxReplicas (%d) is above triage.autoscaling.partitions (%d): a pod without a partition has nothing to do" (int .maxReplicas) (int .partitions)) -}}
{{- end -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- $wrong = append $wrong (printf "triage.autoscaling.minReplicas (%d) is above triage.autoscaling.maxReplicas (%d)" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $part, $values := dict "feedback" .Values.feedback "index" .Values.index -}}
{{- with $values.autoscaling -}}
{{- if and $values.enabled .enabled -}}
{{- if gt (int .maxReplicas) $partitions -}}
{{- $wrong = append $wrong (printf "%s.autoscaling.maxReplicas (%d) is above kafka.partitions (%d): a pod without a partition has nothing to do" $part (int .maxReplicas) $partitions) -}}
{{- end -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- $wrong = append $wrong (printf "%s.autoscaling.minReplicas (%d) is above %s.autoscaling.maxReplicas (%d)" $part (int .minReplicas) $part (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}

{{- define "spanstream.checkScaling" -}}
{{- $wrong := list -}}
{{- $mode := include "spanstream.scaling" . -}}
{{- $scaling := include "spanstream.autoscaling" . | fromJson -}}
{{- $triage := include "spanstream.triageAutoscaling" . | fromJson -}}
{{- $work := $scaling.keda.workSeconds -}}
{{- $toZero := and (ne $mode "none") (eq (int $scaling.minReplicas) 0) -}}
{{- if and $toZero (eq $mode "hpa") -}}
{{- $wrong = append $wrong "autoscaling.minReplicas 0 needs KEDA: a HorizontalPodAutoscaler does not wake a pod from zero; set it to 1, or autoscaling.mode to keda" -}}
{{- end -}}
{{- if and $toZero .Values.kafka.staticMembership -}}
{{- $wrong = append $wrong "autoscaling.minReplicas 0 with kafka.staticMembership: a static member that is scaled away keeps its partitions until its session times out, and a question finds nobody; choose one of them" -}}
{{- end -}}
{{- if and $toZero (eq $mode "keda") (eq $work.from "pods") -}}
{{- $wrong = append $wrong "autoscaling.minReplicas 0 with autoscaling.keda.workSeconds.from pods: at zero there is no pod to ask, and KEDA reports an error at every look; set it to prometheus, or to none" -}}
{{- end -}}
{{- if and (eq $mode "keda") (eq $work.from "prometheus") (not $work.prometheusAddress) -}}
{{- $wrong = append $wrong "autoscaling.keda.workSeconds.from prometheus needs autoscaling.keda.workSeconds.prometheusAddress" -}}
{{- end -}}
{{- if and .Values.triage.enabled $triage.enabled -}}
{{- if ne $mode "keda" -}}
{{- $wrong = append $wrong (printf "triage.autoscaling.enabled needs KEDA, and autoscaling.mode comes to %s here" $mode) -}}
{{- end -}}
{{- range $value, $setting := dict
      "topic" (include "spanstream.triageSetting" (list $ "TOPICS__TICKETS" "support.tickets") | fromJsonArray)
      "groupId" (include "spanstream.triageSetting" (list $ "TRIAGE__GROUP_ID" "spanstream-triage") | fromJsonArray) -}}
{{- if ne (get $triage $value) (index $setting 1) -}}
{{- $wrong = append $wrong (printf "triage.autoscaling.%s (%s) is not %s (%s): KEDA would watch what no pod reads" $value (get $triage $value) (index $setting 0) (index $setting 1)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $part, $values := dict "feedback" .Values.feedback "index" .Values.index -}}
{{- if and $values.enabled $values.autoscaling.enabled (ne $mode "keda") -}}
{{- $wrong = append $wrong (printf "%s.autoscaling.enabled needs KEDA, and autoscaling.mode comes to %s here" $part $mode) -}}
{{- end -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}

{{- define "spanstream.checkResources" -}}
{{- $wrong := list -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (int (ceil (addf .Values.drainSeconds 20))) -}}
{{- $wrong = append $wrong (printf "drainSeconds (%v) needs a terminationGracePeriodSeconds of %v at least, not %v: 20 more, for the last attempt to commit, and to leave the group" .Values.drainSeconds (ceil (addf .Values.drainSeconds 20)) .Values.terminationGracePeriodSeconds) -}}
{{- end -}}
{{- $pools := dict "" .Values.resources -}}
{{- if .Values.gpu.enabled -}}{{- $_ := set $pools "gpu." .Values.gpu.resources -}}{{- end -}}
{{- if .Values.triage.enabled -}}{{- $_ := set $pools "triage." .Values.triage.resources -}}{{- end -}}
{{- range $pool, $resources := $pools -}}
{{- $limit := get ($resources.limits | default dict) "cpu" -}}
{{- with $.Values.model.threads -}}
{{- if and $limit (gt (mul . 1000) (include "spanstream.milliCpu" $limit | int)) -}}
{{- $wrong = append $wrong (printf "model.threads (%d) is more than %sresources.limits.cpu (%v): they would take turns, and be throttled" (int .) $pool $limit) -}}
{{- end -}}
{{- else -}}
{{- if not $limit -}}
{{- $wrong = append $wrong (printf "%sresources.limits.cpu and model.threads are both not set: a pod would take as many threads as its node has cores; set one of them" $pool) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}

{{- define "spanstream.checkKafka" -}}
{{- $wrong := list -}}
{{- $once := eq .Values.kafka.delivery "exactly-once" -}}
{{- $settings := .Values.settings | default dict -}}
{{- $fixed := get $settings "SPANSTREAM_KAFKA__TRANSACTIONAL_ID" -}}
{{- if and (not $once) .Values.kafka.transactionTimeoutSeconds -}}
{{- $wrong = append $wrong "kafka.transactionTimeoutSeconds is a setting of exactly-once, and kafka.delivery is at-least-once: transactions are off" -}}
{{- end -}}
{{- if and (not $once) $fixed -}}
{{- $wrong = append $wrong "settings.SPANSTREAM_KAFKA__TRANSACTIONAL_ID is a setting of exactly-once, and kafka.delivery is at-least-once: transactions are off" -}}
{{- end -}}
{{- if and $once $fixed -}}
{{- $wrong = append $wrong "settings.SPANSTREAM_KAFKA__TRANSACTIONAL_ID would give all pods the same one, and each would fence the others; leave it out" -}}
{{- end -}}
{{- if and (eq .Values.kafka.groupProtocol "consumer") (hasKey $settings "SPANSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS") -}}
{{- $wrong = append $wrong "settings.SPANSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS is the classic protocol's, and kafka.groupProtocol is consumer: there it is the broker's" -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}

{{/* A setting, with where it is set: of (list . NAME DEFAULT), as [place, value]. */}}
{{- define "spanstream.setting" -}}
{{- $name := printf "SPANSTREAM_%s" (index . 1) -}}
{{- $settings := (index . 0).Values.settings | default dict -}}
{{- if hasKey $settings $name -}}
{{- list (printf "settings.%s" $name) (get $settings $name | toString) | toJson -}}
{{- else -}}
{{- list (printf "the default of %s" $name) (index . 2) | toJson -}}
{{- end -}}
{{- end -}}

{{/* A setting of the triage pods, with where it is set: of (list . NAME DEFAULT), as [place, value]. */}}
{{- define "spanstream.triageSetting" -}}
{{- $name := printf "SPANSTREAM_%s" (index . 1) -}}
{{- $ours := (index . 0).Values.triage.settings | default dict -}}
{{- if hasKey $ours $name -}}
{{- list (printf "triage.settings.%s" $name) (get $ours $name | toString) | toJson -}}
{{- else -}}
{{- include "spanstream.setting" . -}}
{{- end -}}
{{- end -}}

{{/* Refuses two topics, or two groups, of one name: a record that is put aside would be read again, for ever. */}}
{{- define "spanstream.checkNames" -}}
{{- $wrong := list -}}
{{- $topics := list -}}
{{- range $name, $topic := .Values.kafka.topics -}}
{{- $topics = append $topics (list (printf "kafka.topics.%s" $name) $topic) -}}
{{- end -}}
{{- $defaults := dict "TOPICS__TICKETS" "support.tickets" "TOPICS__TRIAGE" "support.triage" "TOPICS__TRIAGE_STATE" "support.triage-state" -}}
{{- range $setting, $default := $defaults -}}
{{- $topics = append $topics (include "spanstream.triageSetting" (list $ $setting $default) | fromJsonArray) -}}
{{- end -}}
{{- range $setting, $default := dict "TOPICS__FEEDBACK" "qa.feedback" "TOPICS__LABELS" "qa.labels" -}}
{{- $topics = append $topics (include "spanstream.setting" (list $ $setting $default) | fromJsonArray) -}}
{{- end -}}
{{- $groups := list
      (list "kafka.groupId" .Values.kafka.groupId)
      (include "spanstream.triageSetting" (list $ "TRIAGE__GROUP_ID" "spanstream-triage") | fromJsonArray)
      (include "spanstream.setting" (list $ "FEEDBACK__GROUP_ID" "spanstream-feedback") | fromJsonArray)
      (include "spanstream.setting" (list $ "INDEX__GROUP_ID" "spanstream-index") | fromJsonArray) -}}
{{- range $kind, $named := dict "topic" $topics "group" $groups -}}
{{- $seen := dict -}}
{{- range $pair := $named -}}
{{- with get $seen (index $pair 1) -}}
{{- $wrong = append $wrong (printf "%s and %s name the same %s: give one of them another name" . (index $pair 0) $kind) -}}
{{- else -}}
{{- $_ := set $seen (index $pair 1) (index $pair 0) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}

{{- define "spanstream.checkReferences" -}}
{{- $wrong := list -}}
{{- if .Values.index.enabled -}}
{{- $from := concat (keys (.Values.settings | default dict)) (list) -}}
{{- range .Values.extraEnv -}}{{- $from = append $from .name -}}{{- end -}}
{{- if not (has "SPANSTREAM_INDEX__URI" $from) -}}
{{- $wrong = append $wrong "index.enabled needs SPANSTREAM_INDEX__URI in settings: where is the index?" -}}
{{- end -}}
{{- end -}}
{{- with .Values.kafka -}}
{{- if and .sasl.mechanism (not (include "spanstream.saslSecret" $)) -}}
{{- $wrong = append $wrong "kafka.sasl.mechanism needs kafka.sasl.secretName, or existingSecret: user and password come from a Secret" -}}
{{- end -}}
{{- if and .sasl.secretName (not .sasl.mechanism) -}}
{{- $wrong = append $wrong "kafka.sasl.secretName without kafka.sasl.mechanism: nothing would read it" -}}
{{- end -}}
{{- range $name := list "secretName" "certSecretName" -}}
{{- if and (get $.Values.kafka.tls $name) (not $.Values.kafka.tls.enabled) -}}
{{- $wrong = append $wrong (printf "kafka.tls.%s without kafka.tls.enabled: nothing would read it" $name) -}}
{{- end -}}
{{- end -}}
{{- if and .tls.certSecretName (not .tls.certKey) -}}
{{- $wrong = append $wrong "kafka.tls.certSecretName needs kafka.tls.certKey and kafka.tls.keyKey: which of its keys are they? Strimzi's are user.crt and user.key" -}}
{{- end -}}
{{- if ne (empty .tls.certKey) (empty .tls.keyKey) -}}
{{- $wrong = append $wrong "kafka.tls.certKey and kafka.tls.keyKey go together: a certificate without its key, or a key without its certificate, proves nothing" -}}
{{- end -}}
{{- end -}}
{{- if regexMatch "(?i)[?&][^=&]*(password|secret|token)[^=&]*=" (.Values.redis.url | default "") -}}
{{- $wrong = append $wrong "redis.url holds a password among its options, and would lie in a ConfigMap; a URL with one comes from redis.urlSecret" -}}
{{- end -}}
{{- if and .Values.redis.url .Values.redis.urlSecret.name -}}
{{- $wrong = append $wrong "redis.url and redis.urlSecret.name are both set: choose one of them" -}}
{{- end -}}
{{- with .Values.model -}}
{{- $from := or .fetch.url .fetch.urlSecret.name -}}
{{- if and (eq .source "fetch") (not (and $from .fetch.sha256)) -}}
{{- $wrong = append $wrong "model.source fetch needs model.fetch.url (or urlSecret.name) and model.fetch.sha256" -}}
{{- end -}}
{{- if and (eq .source "image") $from -}}
{{- $wrong = append $wrong "model.fetch is given, and model.source is image: nothing would be fetched" -}}
{{- end -}}
{{- if and .fetch.url .fetch.urlSecret.name -}}
{{- $wrong = append $wrong "model.fetch.url and model.fetch.urlSecret.name are both set: choose one of them" -}}
{{- end -}}
{{- if and (eq .source "fetch") .path -}}
{{- $wrong = append $wrong "model.path is a folder of the image, and model.source is fetch: choose one of them" -}}
{{- end -}}
{{- end -}}
{{- $labels := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" -}}
{{- range $label := concat $labels (list "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" "spanstream/metrics") -}}
{{- if hasKey ($.Values.commonLabels | default dict) $label -}}
{{- $wrong = append $wrong (printf "commonLabels.%s is the chart's own" $label) -}}
{{- end -}}
{{- end -}}
{{- range $label := $labels -}}
{{- if hasKey ($.Values.podLabels | default dict) $label -}}
{{- $wrong = append $wrong (printf "podLabels.%s is what the chart finds its pods by; it cannot be another" $label) -}}
{{- end -}}
{{- end -}}
{{- range $annotation := list "checksum/settings" "checksum/playbook" -}}
{{- if hasKey ($.Values.podAnnotations | default dict) $annotation -}}
{{- $wrong = append $wrong (printf "podAnnotations.%s is the chart's own: it makes new pods when it changes" $annotation) -}}
{{- end -}}
{{- end -}}
{{- with .Values.triage -}}
{{- if and .enabled (not (or .playbook .playbookConfigMap)) -}}
{{- $wrong = append $wrong "triage.enabled needs triage.playbook, or triage.playbookConfigMap" -}}
{{- end -}}
{{- if and .playbook .playbookConfigMap -}}
{{- $wrong = append $wrong "triage.playbook and triage.playbookConfigMap are both set: choose one of them" -}}
{{- end -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}

{{/* Refuses settings, and their files, that a value of the chart sets too: one would win without a word, or no pod would start. */}}
{{- define "spanstream.checkSettings" -}}
{{- $wrong := list -}}
{{- $taken := include "spanstream.takenSettings" . | fromJson -}}
{{- $client := include "spanstream.setProperties" . | fromJsonArray -}}
{{- $redis := or .Values.redis.url .Values.redis.urlSecret.name -}}
{{- range $group, $settings := dict "settings" .Values.settings "triage.settings" .Values.triage.settings -}}
{{- range $name, $_ := $settings -}}
{{- $plain := trimSuffix "_FILE" $name -}}
{{- if and (eq $name "SPANSTREAM_REDIS__URL_FILE") (not $redis) -}}
{{- else if get $taken $plain -}}
{{- $wrong = append $wrong (printf "%s.%s is set by %s" $group $name (get $taken $plain)) -}}
{{- else if has (include "spanstream.property" $plain) $client -}}
{{- $wrong = append $wrong (printf "%s.%s is set by kafka.client, kafka.sasl or kafka.tls" $group $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}
