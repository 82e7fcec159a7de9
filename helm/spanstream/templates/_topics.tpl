{{/*
The topics that `spanstream topics create` makes, as a JSON list of specs of KafkaTopics. What they are is decided in
consumer/operations/topics.py; a test compares the two.
*/}}
{{- define "spanstream.topics" -}}
{{- $names := .Values.kafka.topics -}}
{{- $partitions := int .Values.kafka.partitions -}}
{{- $retention := dict -}}
{{- range $kind, $default := dict "DELETED" 86400 "INPUT" 604800 "OUTPUT" 604800 "DEAD_LETTERS" 2592000 "PARKED" 7776000 "LABELS" 31536000 -}}
{{- $seconds := index $.Values.settings (printf "SPANSTREAM_RETENTION__%s_SECONDS" $kind) | default $default -}}
{{- $_ := set $retention $kind (max 1 (int64 (round (mulf (float64 $seconds) 1000) 0))) -}}
{{- end -}}
{{- $day := 86400000 -}}
{{- $lag := max 1 (div (int64 $retention.DELETED) 2) -}}
{{- $keep := dict -}}
{{- range $kind := list "INPUT" "OUTPUT" "DEAD_LETTERS" "PARKED" -}}
{{- $ms := index $retention $kind -}}
{{- $_ := set $keep $kind (dict "cleanup.policy" "delete" "retention.ms" $ms "segment.ms" (min $day $ms)) -}}
{{- end -}}
{{- $input := dict "max.message.bytes" 12582912 -}}
{{- $output := dict "max.message.bytes" 14680064 -}}
{{- $compact := dict "cleanup.policy" "compact" "max.compaction.lag.ms" $lag "segment.ms" (min $day $lag) "min.cleanable.dirty.ratio" 0.2 "delete.retention.ms" $day -}}
{{- $open := index (include "spanstream.setting" (list . "TOPICS__OPEN_QUESTIONS" "qa.open-questions") | fromJsonArray) 1 -}}
{{- $topics := list
      (list $names.documents $partitions (merge (dict) $input $compact))
      (list $names.questions $partitions (merge (dict) $input $keep.INPUT))
      (list $names.retries $partitions (merge (dict) $output $keep.INPUT))
      (list $open $partitions (merge (dict) $output $compact))
      (list $names.answers $partitions $keep.OUTPUT)
      (list $names.deadLetters $partitions (merge (dict) $output $keep.DEAD_LETTERS))
      (list (printf "%s.ledger" $names.deadLetters) 1 $compact)
      (list (printf "%s.parked" $names.deadLetters) 1 (merge (dict "max.message.bytes" 15728640) $keep.PARKED)) -}}
{{- if index .Values.settings "SPANSTREAM_MODEL__SHADOW_PATH" -}}
{{- $shadow := index .Values.settings "SPANSTREAM_TOPICS__SHADOW_ANSWERS" | default "qa.answers.shadow" -}}
{{- $topics = append $topics (list $shadow $partitions $keep.OUTPUT) -}}
{{- end -}}
{{- if .Values.triage.enabled -}}
{{- $tickets := index (include "spanstream.triageSetting" (list . "TOPICS__TICKETS" "support.tickets") | fromJsonArray) 1 -}}
{{- $triage := index (include "spanstream.triageSetting" (list . "TOPICS__TRIAGE" "support.triage") | fromJsonArray) 1 -}}
{{- $state := index (include "spanstream.triageSetting" (list . "TOPICS__TRIAGE_STATE" "support.triage-state") | fromJsonArray) 1 -}}
{{- $topics = concat $topics (list
      (list $tickets $partitions (merge (dict) $input $keep.INPUT))
      (list $triage $partitions (merge (dict) $output $keep.OUTPUT))
      (list $state $partitions (merge (dict "segment.ms" (min 3600000 $lag)) $compact $output))) -}}
{{- end -}}
{{- if .Values.feedback.enabled -}}
{{- $feedback := index (include "spanstream.setting" (list . "TOPICS__FEEDBACK" "qa.feedback") | fromJsonArray) 1 -}}
{{- $labels := index (include "spanstream.setting" (list . "TOPICS__LABELS" "qa.labels") | fromJsonArray) 1 -}}
{{- $aged := dict "cleanup.policy" "compact,delete" "retention.ms" $retention.LABELS -}}
{{- $topics = concat $topics (list
      (list $feedback $partitions (merge (dict) $input $keep.INPUT))
      (list $labels $partitions (merge $aged $compact $output))) -}}
{{- end -}}
{{- $specs := list -}}
{{- range $topics -}}
{{- $spec := dict "topicName" (index . 0) "partitions" (index . 1) -}}
{{- if index . 2 -}}{{- $_ := set $spec "config" (index . 2) -}}{{- end -}}
{{- $copies := int $.Values.topicCreation.replicationFactor -}}
{{- if gt $copies 0 -}}{{- $_ := set $spec "replicas" $copies -}}{{- end -}}
{{- $specs = append $specs $spec -}}
{{- end -}}
{{- $specs | toJson -}}
{{- end -}}

{{- define "spanstream.checkTopicCreation" -}}
{{- $wrong := list -}}
{{- $mode := .Values.topicCreation.mode -}}
{{- $scaling := include "spanstream.triageAutoscaling" . | fromJson -}}
{{- if and (eq $mode "strimzi") (not .Values.topicCreation.strimzi.cluster) -}}
{{- $wrong = append $wrong "topicCreation.mode strimzi needs topicCreation.strimzi.cluster, the name of the Kafka resource" -}}
{{- end -}}
{{- if and (ne $mode "none") .Values.triage.enabled $scaling.enabled (ne (int $scaling.partitions) (int .Values.kafka.partitions)) -}}
{{- $wrong = append $wrong (printf "triage.autoscaling.partitions (%d) is not kafka.partitions (%d), with which topicCreation makes all topics" (int $scaling.partitions) (int .Values.kafka.partitions)) -}}
{{- end -}}
{{- $wrong | toJson -}}
{{- end -}}
