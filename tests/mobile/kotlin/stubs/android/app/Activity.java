package android.app;

/** A screen of an app. */
public class Activity {}
