import com.segment.analytics.kotlin.core.AliasEvent;
import com.segment.analytics.kotlin.core.Analytics;
import com.segment.analytics.kotlin.core.BaseEvent;
import com.segment.analytics.kotlin.core.GroupEvent;
import com.segment.analytics.kotlin.core.IdentifyEvent;
import com.segment.analytics.kotlin.core.ScreenEvent;
import com.segment.analytics.kotlin.core.Settings;
import com.segment.analytics.kotlin.core.TrackEvent;
import com.segment.analytics.kotlin.core.platform.EventPlugin;
import com.segment.analytics.kotlin.core.platform.Plugin;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kotlinx.serialization.json.JsonElement;
import kotlinx.serialization.json.JsonElementKt;
import kotlinx.serialization.json.JsonObject;

/**
 * The debounce of docs/guides/android.md, line for line in Java: an identify that says what the one before said leaves
 * with {@code integrations: {Appboy: false}}. There is no Kotlin compiler among the tests' tools.
 */
public final class Debounce implements EventPlugin {
  private static final List<String> NAMES = List.of("Appboy", "Braze", "Braze Cloud Mode (Actions)");
  private Analytics analytics;
  private List<Object> said;

  @Override
  public BaseEvent identify(IdentifyEvent payload) {
    if (!wantsBraze(payload.getIntegrations())) {
      return payload;
    }
    List<Object> now = List.of(payload.getUserId(), payload.getAnonymousId(), payload.getTraits());
    if (now.equals(said)) {
      Map<String, JsonElement> written = new LinkedHashMap<>(payload.getIntegrations());
      written.put("Appboy", JsonElementKt.JsonPrimitive(false));
      payload.setIntegrations(new JsonObject(written));
    }
    said = now;
    return payload;
  }

  private static boolean wantsBraze(JsonObject integrations) {
    JsonElement refused = JsonElementKt.JsonPrimitive(false);
    List<JsonElement> entries =
        NAMES.stream().filter(integrations::containsKey).map(integrations::get).toList();
    return entries.isEmpty() ? !refused.equals(integrations.get("All")) : !entries.contains(refused);
  }

  @Override
  public void reset() {
    said = null;
  }

  @Override
  public Plugin.Type getType() {
    return Plugin.Type.Before;
  }

  @Override
  public Analytics getAnalytics() {
    return analytics;
  }

  @Override
  public void setAnalytics(Analytics given) {
    analytics = given;
  }

  @Override
  public void setup(Analytics given) {
    analytics = given;
  }

  @Override
  public BaseEvent execute(BaseEvent event) {
    return EventPlugin.DefaultImpls.execute(this, event);
  }

  @Override
  public BaseEvent track(TrackEvent payload) {
    return payload;
  }

  @Override
  public BaseEvent screen(ScreenEvent payload) {
    return payload;
  }

  @Override
  public BaseEvent group(GroupEvent payload) {
    return payload;
  }

  @Override
  public BaseEvent alias(AliasEvent payload) {
    return payload;
  }

  @Override
  public void flush() {}

  @Override
  public void update(Settings settings, Plugin.UpdateType type) {}

  @Override
  public void shutdown() {}
}
