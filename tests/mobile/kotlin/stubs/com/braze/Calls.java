package com.braze;

import java.util.ArrayList;
import java.util.List;
import org.json.JSONArray;

/** Every call to Braze, in order: [method, ...arguments] as JSON. The stand-in for Braze's Android SDK. */
public final class Calls {
  public static final List<JSONArray> MADE = new ArrayList<>();

  public static synchronized boolean note(String method, Object... given) {
    JSONArray call = new JSONArray().put(method);
    for (Object each : given) {
      call.put(each);
    }
    MADE.add(call);
    return true;
  }
}
