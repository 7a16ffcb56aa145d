package android.content;

/** An Android app. */
public class Context {}
