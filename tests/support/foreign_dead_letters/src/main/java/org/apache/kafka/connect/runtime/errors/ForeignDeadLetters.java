// In Connect's own package, because what writes its headers is visible only there.
package org.apache.kafka.connect.runtime.errors;

import java.lang.reflect.Field;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.StringJoiner;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.runtime.SinkConnectorConfig;
import org.apache.kafka.connect.util.ConnectorTaskId;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.internals.ExceptionHandlerUtils;
import org.springframework.kafka.core.KafkaOperations;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.ListenerExecutionFailedException;

/** The headers of one dead letter of each product: orders[3] at 9876543210, header own=1, "no such colour: blåu". */
public final class ForeignDeadLetters {
    private static final long OFFSET = 9_876_543_210L;
    private static final String MESSAGE = "no such colour: blåu";

    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        Files.createDirectories(folder);
        Files.writeString(folder.resolve("connect.json"), json(connect()));
        Files.writeString(folder.resolve("streams.json"), json(streams(MESSAGE)));
        Files.writeString(folder.resolve("streams-null-message.json"), json(streams(null)));
        Files.writeString(folder.resolve("spring.json"), json(spring()));
        System.exit(0);
    }

    private static ConsumerRecord<byte[], byte[]> failed() {
        return new ConsumerRecord<>(
                "orders", 3, OFFSET, 1_767_312_000_123L, TimestampType.CREATE_TIME, 1, 1, new byte[] {1},
                new byte[] {2}, new RecordHeaders().add("own", new byte[] {'1'}), Optional.empty());
    }

    private static Headers connect() throws Exception {
        SinkConnectorConfig config = new SinkConnectorConfig(
                new org.apache.kafka.connect.runtime.isolation.Plugins(Map.of()),
                Map.of("name", "orders-sink", "connector.class", "none", "topics", "orders",
                        "errors.deadletterqueue.topic.name", "dead",
                        "errors.deadletterqueue.context.headers.enable", "true"));
        ProcessingContext<ConsumerRecord<byte[], byte[]>> context = new ProcessingContext<>(failed());
        context.currentContext(Stage.VALUE_CONVERTER, ForeignDeadLetters.class);
        context.error(new DataException(MESSAGE));
        DeadLetterQueueReporter reporter = new DeadLetterQueueReporter(
                unmade(KafkaProducer.class), config, new ConnectorTaskId("orders-sink", 7), unmade(ErrorHandlingMetrics.class));
        ProducerRecord<byte[], byte[]> letter = new ProducerRecord<>("dead", (Integer) null, (byte[]) null, new byte[0], failed().headers());
        reporter.populateContextHeaders(letter, context);
        return letter.headers();
    }

    private static Headers streams(String message) {
        ErrorHandlerContext context = (ErrorHandlerContext) Proxy.newProxyInstance(
                ForeignDeadLetters.class.getClassLoader(), new Class<?>[] {ErrorHandlerContext.class},
                (proxy, method, given) -> switch (method.getName()) {
                    case "topic" -> "orders";
                    case "partition" -> 3;
                    case "offset" -> OFFSET;
                    case "timestamp" -> 1_767_312_000_123L;
                    case "headers" -> failed().headers();
                    default -> null;
                });
        return ExceptionHandlerUtils.maybeBuildDeadLetterQueueRecords(
                "dead", new byte[] {1}, new byte[] {2}, context, new IllegalStateException(message)).get(0).headers();
    }

    /** An object whose constructor did not run: the reporter only wants one that is not null. */
    private static <T> T unmade(Class<T> type) throws Exception {
        Field field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        return type.cast(((sun.misc.Unsafe) field.get(null)).allocateInstance(type));
    }

    @SuppressWarnings("unchecked")
    private static Headers spring() {
        ProducerRecord<Object, Object>[] sent = new ProducerRecord[1];
        KafkaOperations<Object, Object> operations = (KafkaOperations<Object, Object>) Proxy.newProxyInstance(
                ForeignDeadLetters.class.getClassLoader(), new Class<?>[] {KafkaOperations.class},
                (proxy, method, given) -> {
                    if (method.getName().equals("send")) {
                        sent[0] = (ProducerRecord<Object, Object>) given[0];
                        return CompletableFuture.completedFuture(null);
                    }
                    return method.getReturnType() == boolean.class ? (Object) false : null;
                });
        DeadLetterPublishingRecoverer recoverer = new DeadLetterPublishingRecoverer(
                operations, (record, exception) -> new TopicPartition("dead", -1));
        recoverer.setFailIfSendResultIsError(false);
        recoverer.setVerifyPartition(false);
        recoverer.accept(failed(), new ListenerExecutionFailedException(
                "the listener failed", "billing", new IllegalArgumentException(MESSAGE)));
        return sent[0].headers();
    }

    /** A JSON array of [name, value in hexadecimal or null]; stack traces are cut, they differ between machines. */
    private static String json(Headers headers) {
        StringJoiner lines = new StringJoiner(",\n  ", "[\n  ", "\n]\n");
        for (Header header : headers) {
            byte[] value = header.value();
            if (header.key().contains("stacktrace")) {
                value = List.of(new String(value).split("\n")).get(0).getBytes();
            }
            lines.add("[\"" + header.key() + "\", "
                    + (value == null ? "null" : "\"" + HexFormat.of().formatHex(value) + "\"") + "]");
        }
        return lines.toString();
    }
}
