package com.braze;

import android.app.Activity;
import android.content.Context;
import com.braze.configuration.BrazeConfig;
import com.braze.events.IValueCallback;
import com.braze.models.outgoing.BrazeProperties;
import java.math.BigDecimal;

/** The names of Braze's Android SDK that its Segment plugin calls; each call is noted. */
public class Braze {
  public static final Companion Companion = new Companion();
  private static final Braze INSTANCE = new Braze();

  public static final class Companion {
    public boolean configure(Context context, BrazeConfig config) {
      return Calls.note("configure", config.apiKey, config.customEndpoint, config.flavor, config.metadata);
    }

    public Braze getInstance(Context context) {
      return INSTANCE;
    }
  }

  public void changeUser(String id) {
    Calls.note("changeUser", id);
  }

  public void getCurrentUser(IValueCallback<BrazeUser> callback) {
    callback.onSuccess(new BrazeUser());
  }

  public void logCustomEvent(String name) {
    Calls.note("logCustomEvent", name);
  }

  public void logCustomEvent(String name, BrazeProperties properties) {
    Calls.note("logCustomEvent", name, properties.json);
  }

  public void logPurchase(String product, String currency, BigDecimal price) {
    Calls.note("logPurchase", product, currency, price);
  }

  public void logPurchase(String product, String currency, BigDecimal price, BrazeProperties properties) {
    Calls.note("logPurchase", product, currency, price, properties.json);
  }

  public void openSession(Activity activity) {
    Calls.note("openSession");
  }

  public void closeSession(Activity activity) {
    Calls.note("closeSession");
  }

  public void requestImmediateDataFlush() {
    Calls.note("requestImmediateDataFlush");
  }
}
