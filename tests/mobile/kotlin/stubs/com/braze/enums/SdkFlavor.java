package com.braze.enums;

/** Who starts the SDK. */
public enum SdkFlavor { SEGMENT }
