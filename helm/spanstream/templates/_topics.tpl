{{/*
The topics that `spanstream topics create` makes, as a JSON list of specs of KafkaTopics. What they are is decided in
consumer/operations/topics.py; a test compares the two.
*/}}
{{- define "spanstream.topics" -}}
{{- $names := .Values.kafka.topics -}}
{{- $partitions := int .Values.kafka.partitions -}}
{{- $input := dict "max.message.bytes" 12582912 -}}
{{- $output := dict "max.message.bytes" 14680064 -}}
{{- $compact := dict "cleanup.policy" "compact" -}}
{{- $topics := list
      (list $names.documents $partitions (merge (dict) $input $compact))
      (list $names.questions $partitions $input)
      (list $names.retries $partitions $output)
      (list $names.answers $partitions dict)
      (list $names.deadLetters $partitions (merge (dict "retention.ms" 2592000000) $output))
      (list (printf "%s.ledger" $names.deadLetters) 1 $compact)
      (list (printf "%s.parked" $names.deadLetters) 1 (dict "max.message.bytes" 15728640 "retention.ms" -1)) -}}
{{- if .Values.triage.enabled -}}
{{- $tickets := index (include "spanstream.triageSetting" (list . "TOPICS__TICKETS" "support.tickets") | fromJsonArray) 1 -}}
{{- $triage := index (include "spanstream.triageSetting" (list . "TOPICS__TRIAGE" "support.triage") | fromJsonArray) 1 -}}
{{- $state := index (include "spanstream.triageSetting" (list . "TOPICS__TRIAGE_STATE" "support.triage-state") | fromJsonArray) 1 -}}
{{- $topics = concat $topics (list
      (list $tickets $partitions $input)
      (list $triage $partitions $output)
      (list $state $partitions (merge (dict "segment.ms" 3600000 "min.cleanable.dirty.ratio" 0.2) $compact $output))) -}}
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
