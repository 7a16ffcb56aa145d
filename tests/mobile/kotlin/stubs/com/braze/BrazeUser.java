package com.braze;

import com.braze.enums.Gender;
import com.braze.enums.Month;
import com.braze.models.outgoing.AttributionData;
import org.json.JSONObject;

/** A user of Braze as the plugin speaks to one; each call is noted. */
public class BrazeUser {
  public boolean setEmail(String value) {
    return Calls.note("setEmail", value);
  }

  public boolean setFirstName(String value) {
    return Calls.note("setFirstName", value);
  }

  public boolean setLastName(String value) {
    return Calls.note("setLastName", value);
  }

  public boolean setPhoneNumber(String value) {
    return Calls.note("setPhoneNumber", value);
  }

  public boolean setHomeCity(String value) {
    return Calls.note("setHomeCity", value);
  }

  public boolean setCountry(String value) {
    return Calls.note("setCountry", value);
  }

  public boolean addToSubscriptionGroup(String value) {
    return Calls.note("addToSubscriptionGroup", value);
  }

  public boolean removeFromSubscriptionGroup(String value) {
    return Calls.note("removeFromSubscriptionGroup", value);
  }

  public boolean setGender(Gender gender) {
    return Calls.note("setGender", gender);
  }

  public boolean setDateOfBirth(int year, Month month, int day) {
    return Calls.note("setDateOfBirth", year, month, day);
  }

  public boolean setAttributionData(AttributionData data) {
    return Calls.note("setAttributionData", data.network, data.campaign, data.group, data.creative);
  }

  public boolean setCustomAttributeArray(String key, String[] values) {
    return Calls.note("setCustomAttributeArray", key, values);
  }

  public boolean setCustomUserAttributeToSecondsFromEpoch(String key, long seconds) {
    return Calls.note("setCustomUserAttributeToSecondsFromEpoch", key, seconds);
  }

  public boolean setCustomUserAttribute(String key, String value) {
    return Calls.note("setCustomUserAttribute", key, value);
  }

  public boolean setCustomUserAttribute(String key, boolean value) {
    return Calls.note("setCustomUserAttribute", key, value);
  }

  public boolean setCustomUserAttribute(String key, int value) {
    return Calls.note("setCustomUserAttribute", key, value);
  }

  public boolean setCustomUserAttribute(String key, long value) {
    return Calls.note("setCustomUserAttribute", key, value);
  }

  public boolean setCustomUserAttribute(String key, float value) {
    return Calls.note("setCustomUserAttribute", key, value);
  }

  public boolean setCustomUserAttribute(String key, double value) {
    return Calls.note("setCustomUserAttribute", key, value);
  }

  /** What Kotlin makes of a call that leaves the last argument out. */
  public static boolean setCustomUserAttribute$default(
      BrazeUser user, String key, JSONObject value, boolean merge, int mask, Object marker) {
    return Calls.note("setCustomUserAttribute", key, value);
  }
}
