package com.braze.enums;

/** The two the plugin uses. */
public enum Gender { MALE, FEMALE }
