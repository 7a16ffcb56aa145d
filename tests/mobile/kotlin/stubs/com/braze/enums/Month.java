package com.braze.enums;

/** Months, counted from 0 as Braze does. */
public enum Month {
  JANUARY, FEBRUARY, MARCH, APRIL, MAY, JUNE, JULY, AUGUST, SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER;

  public static final Companion Companion = new Companion();

  public static final class Companion {
    public Month getMonth(int value) {
      return values()[value];
    }
  }
}
