/**
 * The browser's part of Braze Cloud Mode (Actions): debounce, without any SDK of Braze's.
 *
 *     window['braze-cloud-pluginsDestination']({ subscriptions })  ->  plugins
 */

import type { Plugin } from '../analytics'
import { type Definition, plugins, readSubscriptions } from '../runtime'
import type { Dictionary } from '../values'
import { Debounce } from '../web/debounce'

const NAME = 'Braze Cloud Mode (Actions)'

const DEFINITION: Definition<Debounce> = {
  name: NAME,
  initialize: (analytics) => new Debounce(analytics),
  actions: {
    debouncePlugin: { lifecycleHook: 'before', perform: (debounce, { context }) => debounce.look(context) },
  },
}

export function brazeCloudPlugins(settings: Dictionary): Plugin[] {
  return plugins(DEFINITION, readSubscriptions(settings))
}
brazeCloudPlugins.pluginName = NAME

Object.assign(window, { 'braze-cloud-pluginsDestination': brazeCloudPlugins })
