package com.braze.ui.inappmessage;

import android.app.Activity;
import com.braze.Calls;

/** Where in-app messages are shown. */
public final class BrazeInAppMessageManager {
  public static final Companion Companion = new Companion();
  private static final BrazeInAppMessageManager INSTANCE = new BrazeInAppMessageManager();

  public static final class Companion {
    public BrazeInAppMessageManager getInstance() {
      return INSTANCE;
    }
  }

  public void registerInAppMessageManager(Activity activity) {
    Calls.note("registerInAppMessageManager");
  }

  public void unregisterInAppMessageManager(Activity activity) {
    Calls.note("unregisterInAppMessageManager");
  }
}
