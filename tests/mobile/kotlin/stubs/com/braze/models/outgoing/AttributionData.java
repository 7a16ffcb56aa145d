package com.braze.models.outgoing;

/** Where an install came from. */
public final class AttributionData {
  public final String network;
  public final String campaign;
  public final String group;
  public final String creative;

  public AttributionData(String network, String campaign, String group, String creative) {
    this.network = network;
    this.campaign = campaign;
    this.group = group;
    this.creative = creative;
  }
}
