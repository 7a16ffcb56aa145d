package com.braze.events;

/** How Braze hands over a user. */
public interface IValueCallback<T> {
  void onSuccess(T value);

  default void onError() {}
}
