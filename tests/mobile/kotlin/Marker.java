import com.segment.analytics.kotlin.core.Analytics;
import com.segment.analytics.kotlin.core.BaseEvent;
import com.segment.analytics.kotlin.core.Settings;
import com.segment.analytics.kotlin.core.platform.Plugin;
import java.util.concurrent.Semaphore;

/** Last in the line: says when the settings are there and when an event has been through all other plugins. */
final class Marker implements Plugin {
  final Semaphore settled = new Semaphore(0);
  final Semaphore seen = new Semaphore(0);
  private Analytics analytics;

  @Override
  public Plugin.Type getType() {
    return Plugin.Type.After;
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
    seen.release();
    return event;
  }

  @Override
  public void update(Settings settings, Plugin.UpdateType type) {
    if (settings.hasIntegrationSettings("Segment.io")) {
      settled.release();
    }
  }

  @Override
  public void shutdown() {}
}
