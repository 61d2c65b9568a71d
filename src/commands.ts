// The map from command names to classes: oclif's explicit strategy, so that nothing is searched for at start-up. The
// classes load what is heavy only when they run.

import Agent from '../commands/agent.ts'
import Check from '../commands/check.ts'
import Complete from '../commands/complete.ts'
import Completion from '../commands/completion.ts'
import Demo from '../commands/demo.ts'
import Drain from '../commands/drain.ts'
import Dsn from '../commands/dsn.ts'
import EditConfig from '../commands/edit-config.ts'
import Failover from '../commands/failover.ts'
import Flush from '../commands/flush.ts'
import History from '../commands/history.ts'
import List from '../commands/list.ts'
import Manual from '../commands/manual.ts'
import Pause from '../commands/pause.ts'
import Query from '../commands/query.ts'
import Reinit from '../commands/reinit.ts'
import Reload from '../commands/reload.ts'
import Remove from '../commands/remove.ts'
import Restart from '../commands/restart.ts'
import Resume from '../commands/resume.ts'
import RollingRestart from '../commands/rolling-restart.ts'
import ShowConfig from '../commands/show-config.ts'
import Switchover from '../commands/switchover.ts'
import Topology from '../commands/topology.ts'
import Undrain from '../commands/undrain.ts'
import Version from '../commands/version.ts'
import Wait from '../commands/wait.ts'

export const COMMANDS = {
  agent: Agent,
  check: Check,
  complete: Complete,
  completion: Completion,
  demo: Demo,
  drain: Drain,
  dsn: Dsn,
  'edit-config': EditConfig,
  failover: Failover,
  flush: Flush,
  history: History,
  list: List,
  manual: Manual,
  pause: Pause,
  reinit: Reinit,
  query: Query,
  reload: Reload,
  remove: Remove,
  restart: Restart,
  resume: Resume,
  'rolling:restart': RollingRestart,
  'show-config': ShowConfig,
  switchover: Switchover,
  topology: Topology,
  undrain: Undrain,
  version: Version,
  wait: Wait,
}
