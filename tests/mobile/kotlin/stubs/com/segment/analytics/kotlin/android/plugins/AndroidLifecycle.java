package com.segment.analytics.kotlin.android.plugins;

import android.app.Activity;
import android.os.Bundle;

/** What Segment's Android library tells a plugin about the app's screens. */
public interface AndroidLifecycle {
  void onActivityCreated(Activity activity, Bundle state);

  void onActivityStarted(Activity activity);

  void onActivityResumed(Activity activity);

  void onActivityPaused(Activity activity);

  void onActivityStopped(Activity activity);

  void onActivitySaveInstanceState(Activity activity, Bundle state);

  void onActivityDestroyed(Activity activity);

  /** The bodies of the interface, as Kotlin compiles them. */
  final class DefaultImpls {
    public static void onActivityCreated(AndroidLifecycle plugin, Activity activity, Bundle state) {}

    public static void onActivityStarted(AndroidLifecycle plugin, Activity activity) {}

    public static void onActivityResumed(AndroidLifecycle plugin, Activity activity) {}

    public static void onActivityPaused(AndroidLifecycle plugin, Activity activity) {}

    public static void onActivityStopped(AndroidLifecycle plugin, Activity activity) {}

    public static void onActivitySaveInstanceState(AndroidLifecycle plugin, Activity activity, Bundle state) {}

    public static void onActivityDestroyed(AndroidLifecycle plugin, Activity activity) {}
  }
}
