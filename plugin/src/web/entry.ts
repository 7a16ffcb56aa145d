/** The global under which Segment's browser SDK looks for the factory. */

import { brazeDestination } from './braze'

Object.assign(window, { brazeDestination })
