package com.braze.enums;

/** Who starts the SDK, on the wire. */
public enum BrazeSdkMetadata { SEGMENT }
