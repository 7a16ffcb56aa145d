import android.content.Context;
import com.braze.Calls;
import com.segment.analytics.kotlin.core.Analytics;
import com.segment.analytics.kotlin.core.BaseEvent;
import com.segment.analytics.kotlin.core.Configuration;
import com.segment.analytics.kotlin.core.RequestFactory;
import com.segment.analytics.kotlin.core.Settings;
import com.segment.analytics.kotlin.core.compat.ConfigurationBuilder;
import com.segment.analytics.kotlin.core.compat.JavaAnalytics;
import com.segment.analytics.kotlin.core.platform.Plugin;
import com.segment.analytics.kotlin.core.utilities.InMemoryStorageProvider;
import com.segment.analytics.kotlin.core.utilities.JsonUtils;
import com.segment.analytics.kotlin.destinations.braze.BrazeDestination;
import com.segment.analytics.kotlin.destinations.braze.BrazeSettings;
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import kotlinx.serialization.json.Json;
import kotlinx.serialization.json.JsonElement;
import kotlinx.serialization.json.JsonObject;
import okhttp3.OkHttpClient;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * An app with Segment's Kotlin SDK on a plain JVM: takes orders, one JSON object a line, and answers each with a line.
 *
 * <pre>
 * {"do": "run", "writeKey", "cdnHost", "apiHost", "ca": certificate file, "plugins": ["braze", "debounce"],
 *  "calls": [["identify", "u1", {}], ["track", "Seen", {}], ["screen"|"group", name, {}], ["reset"]]}
 *    -> {"settings": as the SDK holds them or null, "braze": [[method, ...]], "errors": [text]}
 *       The settings are there, each call has been through every plugin; then the queue is sent off.
 * {"do": "flush"}
 *    -> {}   Every app so far is asked to send what it still holds.
 * {"do": "read", "settings": [text]}
 *    -> {"read": [{"settings": text or null, "braze": [apiKey, customEndpoint, inApp, logPurchase] or null}]}
 * {"do": "play", "plugins": [...], "tables": [[event]]}
 *    -> {"tables": [[{"calls": [[method, ...]], "integrations": {}}]]}
 * </pre>
 */
public final class Phone {
  private static final List<JavaAnalytics> RUNNING = new ArrayList<>();

  public static void main(String[] arguments) throws Exception {
    java.io.BufferedReader orders =
        new java.io.BufferedReader(new java.io.InputStreamReader(System.in, "UTF-8"));
    java.io.PrintStream answers = new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8");
    // What the SDK has to say goes to the error stream, what is asked for to the other.
    System.setOut(System.err);
    for (String line = orders.readLine(); line != null; line = orders.readLine()) {
      JSONObject order = new JSONObject(line);
      JSONObject answer =
          switch (order.getString("do")) {
            case "run" -> run(order);
            case "flush" -> flush();
            case "read" -> read(order.getJSONArray("settings"));
            default -> play(order);
          };
      answers.println(answer);
    }
    System.exit(0);
  }

  private static JSONObject run(JSONObject order) throws Exception {
    Calls.MADE.clear();
    JSONArray errors = new JSONArray();
    Configuration configuration =
        new ConfigurationBuilder(order.getString("writeKey"))
            .setApplication("shop")
            .setCdnHost(order.getString("cdnHost"))
            .setApiHost(order.getString("apiHost"))
            .setRequestFactory(new RequestFactory(trusting(order.getString("ca"))))
            .setTrackApplicationLifecycleEvents(false)
            .build();
    configuration.setStorageProvider(new InMemoryStorageProvider());
    configuration.setErrorHandler(
        error -> {
          errors.put(String.valueOf(error));
          return kotlin.Unit.INSTANCE;
        });
    JavaAnalytics analytics = new JavaAnalytics(configuration);
    RUNNING.add(analytics);
    Marker marker = new Marker();
    for (Plugin plugin : plugins(order.getJSONArray("plugins"))) {
      analytics.add(plugin);
    }
    analytics.add(marker);
    boolean known = marker.settled.tryAcquire(60, TimeUnit.SECONDS);
    for (Object each : order.getJSONArray("calls")) {
      // One after the other: the SDK works on each call by itself, and reset() overtakes what is on its way.
      if (call(analytics, (JSONArray) each) && !marker.seen.tryAcquire(60, TimeUnit.SECONDS)) {
        errors.put("an event did not come through the plugins within 60 s: " + each);
      }
    }
    analytics.flush();
    Settings settings = known ? analytics.settings() : null;
    return new JSONObject()
        .put("settings", settings == null ? JSONObject.NULL : new JSONObject(written(settings)))
        .put("braze", new JSONArray(Calls.MADE))
        .put("errors", errors);
  }

  private static JSONObject flush() {
    RUNNING.forEach(JavaAnalytics::flush);
    return new JSONObject();
  }

  /** Make a call; true when it is an event. */
  private static boolean call(JavaAnalytics analytics, JSONArray call) {
    String name = call.optString(1);
    JsonObject given = json(call.optJSONObject(2));
    switch (call.getString(0)) {
      case "identify" -> analytics.identify(name, given);
      case "track" -> analytics.track(name, given);
      case "screen" -> analytics.screen(name, given, "");
      case "group" -> analytics.group(name, given);
      default -> {
        analytics.reset();
        return false;
      }
    }
    return true;
  }

  private static JSONObject read(JSONArray texts) {
    JSONArray read = new JSONArray();
    for (Object text : texts) {
      JSONObject found = new JSONObject().put("settings", JSONObject.NULL).put("braze", JSONObject.NULL);
      read.put(found);
      try {
        Settings settings =
            (Settings) JsonUtils.getLenientJson().decodeFromString(Settings.Companion.serializer(), (String) text);
        found.put("settings", written(settings));
        JsonElement entry = settings.getIntegrations().get("Appboy");
        JsonObject object = entry == null ? null : JsonUtils.getSafeJsonObject(entry);
        if (object != null) {
          BrazeSettings braze =
              JsonUtils.getLenientJson().decodeFromJsonElement(BrazeSettings.Companion.serializer(), object);
          found.put(
              "braze",
              new JSONArray()
                  .put(braze.getApiKey())
                  .put(braze.getCustomEndpoint())
                  .put(braze.getAutomaticInAppMessageRegistrationEnabled())
                  .put(braze.getLogPurchaseWhenRevenuePresent()));
        }
      } catch (RuntimeException error) {
        found.put("error", String.valueOf(error.getMessage()));
      }
    }
    return new JSONObject().put("read", read);
  }

  private static JSONObject play(JSONObject order) throws Exception {
    Configuration configuration = new ConfigurationBuilder("table").setApplication("shop").setAutoAddSegmentDestination(false).build();
    configuration.setStorageProvider(new InMemoryStorageProvider());
    configuration.setRequestFactory(new Silence());
    Analytics analytics = new JavaAnalytics(configuration).getAnalytics();
    JSONArray tables = new JSONArray();
    for (Object each : order.getJSONArray("tables")) {
      JSONArray table = new JSONArray();
      tables.put(table);
      Debounce debounce = new Debounce();
      for (Object event : (JSONArray) each) {
        BaseEvent left = debounce.execute(JsonUtils.toBaseEvent(json(completed((JSONObject) event))));
        table.put(new JSONObject().put("integrations", new JSONObject(left.getIntegrations().toString())));
      }
    }
    return new JSONObject().put("tables", tables);
  }

  /** An event as the SDK itself makes it: no field is missing. */
  private static JSONObject completed(JSONObject event) {
    for (String name : List.of("userId", "anonymousId", "messageId", "timestamp", "groupId", "name", "category")) {
      event.put(name, event.optString(name));
    }
    for (String name : List.of("traits", "properties", "integrations", "context")) {
      event.put(name, event.optJSONObject(name) == null ? new JSONObject() : event.getJSONObject(name));
    }
    return event;
  }

  private static List<Plugin> plugins(JSONArray names) {
    List<Plugin> plugins = new ArrayList<>();
    for (Object name : names) {
      plugins.add(name.equals("braze") ? new BrazeDestination(new Context()) : new Debounce());
    }
    return plugins;
  }

  private static JsonObject json(JSONObject value) {
    return (JsonObject) Json.Default.parseToJsonElement(String.valueOf(value == null ? new JSONObject() : value));
  }

  private static String written(Settings settings) {
    return JsonUtils.getEncodeDefaultsJson().encodeToString(Settings.Companion.serializer(), settings);
  }

  /** A client that trusts one certificate and nobody else. */
  private static OkHttpClient trusting(String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (FileInputStream certificate = new FileInputStream(file)) {
      store.setCertificateEntry("test", CertificateFactory.getInstance("X.509").generateCertificate(certificate));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, factory.getTrustManagers(), null);
    return new OkHttpClient.Builder()
        .sslSocketFactory(context.getSocketFactory(), (X509TrustManager) factory.getTrustManagers()[0])
        .build();
  }

  /** Asks nobody: the tables need no settings. */
  private static final class Silence extends RequestFactory {
    @Override
    public java.net.HttpURLConnection openConnection(String url) {
      throw new IllegalStateException("no request is made here");
    }
  }
}
