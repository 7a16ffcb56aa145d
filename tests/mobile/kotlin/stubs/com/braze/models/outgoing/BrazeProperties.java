package com.braze.models.outgoing;

import org.json.JSONObject;

/** Properties of an event or a purchase. */
public final class BrazeProperties {
  public final JSONObject json;

  public BrazeProperties(JSONObject json) {
    this.json = json;
  }

  public int getSize() {
    return json.length();
  }

  public Object removeProperty(String name) {
    return json.remove(name);
  }
}
