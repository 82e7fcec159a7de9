import java.net.URI;
import java.net.URLDecoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/**
 * Stands in for the broker's side of MSK's IAM login: a token is a URL, signed (Signature Version 4) with a user's key.
 *
 * The login module's options: "user", "key", and "accepted", a file that gets a line for each login.
 */
public final class MskTokenValidator implements AuthenticateCallbackHandler {
    private static final DateTimeFormatter SIGNED_AT =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    private Map<String, ?> options;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        options = entries.get(0).getOptions();
    }

    @Override
    public void handle(Callback[] callbacks) {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerValidatorCallback asked) {
                try {
                    asked.token(validate(asked.tokenValue()));
                } catch (Exception refused) {
                    asked.error("invalid_token", null, null);
                }
            }
        }
    }

    @Override
    public void close() {}

    private OAuthBearerToken validate(String token) throws Exception {
        URI url = URI.create(new String(Base64.getUrlDecoder().decode(token), "UTF-8"));
        Map<String, String> signed = new TreeMap<>();
        for (String pair : url.getRawQuery().split("&")) {
            String[] parts = pair.split("=", 2);
            signed.put(parts[0], parts[1]);
        }
        signed.remove("User-Agent");
        String signature = signed.remove("X-Amz-Signature");
        String at = signed.get("X-Amz-Date");
        String[] scope = URLDecoder.decode(signed.get("X-Amz-Credential"), "UTF-8").split("/");
        StringBuilder query = new StringBuilder();
        signed.forEach((name, value) -> query.append(query.isEmpty() ? "" : "&").append(name).append("=").append(value));
        String request = String.join("\n", "GET", "/", query, "host:" + url.getHost(), "", "host", hex(sha256("")));
        String day = String.join("/", scope[1], scope[2], scope[3], scope[4]);
        String toSign = String.join("\n", "AWS4-HMAC-SHA256", at, day, hex(sha256(request)));
        byte[] key = ("AWS4" + options.get("key")).getBytes("UTF-8");
        for (int part = 1; part < scope.length; part++) {
            key = hmac(key, scope[part]);
        }
        long begin = Instant.from(SIGNED_AT.parse(at)).toEpochMilli();
        long end = begin + 1000 * Long.parseLong(signed.get("X-Amz-Expires"));
        boolean isOurs = scope[0].equals(options.get("user")) && signed.get("Action").equals("kafka-cluster%3AConnect");
        if (!isOurs || !hex(hmac(key, toSign)).equals(signature) || end < System.currentTimeMillis()) {
            throw new SecurityException();
        }
        Path accepted = Path.of((String) options.get("accepted"));
        Files.writeString(accepted, at + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        return new Accepted(token, scope[0], begin, end);
    }

    private record Accepted(String value, String principalName, Long startTimeMs, long lifetimeMs)
            implements OAuthBearerToken {
        @Override
        public Set<String> scope() {
            return Set.of();
        }
    }

    private static byte[] sha256(String text) throws Exception {
        return MessageDigest.getInstance("SHA-256").digest(text.getBytes("UTF-8"));
    }

    private static byte[] hmac(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes("UTF-8"));
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
