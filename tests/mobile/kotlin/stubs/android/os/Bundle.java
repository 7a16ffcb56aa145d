package android.os;

/** What a screen remembers. */
public class Bundle {}
