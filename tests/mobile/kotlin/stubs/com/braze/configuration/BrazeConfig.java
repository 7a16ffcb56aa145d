package com.braze.configuration;

import com.braze.enums.BrazeSdkMetadata;
import com.braze.enums.SdkFlavor;
import java.util.EnumSet;

/** What the SDK is started with. */
public final class BrazeConfig {
  public String apiKey;
  public String customEndpoint;
  public SdkFlavor flavor;
  public EnumSet<BrazeSdkMetadata> metadata;

  public static final class Builder {
    private final BrazeConfig made = new BrazeConfig();

    public Builder setApiKey(String value) {
      made.apiKey = value;
      return this;
    }

    public Builder setCustomEndpoint(String value) {
      made.customEndpoint = value;
      return this;
    }

    public Builder setSdkFlavor(SdkFlavor value) {
      made.flavor = value;
      return this;
    }

    public Builder setSdkMetadata(EnumSet<BrazeSdkMetadata> value) {
      made.metadata = value;
      return this;
    }

    public BrazeConfig build() {
      return made;
    }
  }
}
