import { addApply } from './apply.ts';
import { addAttach } from './attach.ts';
import type { Cli } from './cli.ts';
import { addCommit } from './commit.ts';
import { addCompletion } from './completion.ts';
import { addConfig } from './config.ts';
import { addCp } from './cp.ts';
import { addCreate } from './create.ts';
import { addDiff } from './diff.ts';
import { addDown } from './down.ts';
import { addEngine } from './engine.ts';
import { addEvents } from './events.ts';
import { addExec } from './exec.ts';
import { addExport } from './export.ts';
import { addFetchStack } from './fetch-stack.ts';
import { addGraph } from './graph.ts';
import { addHistory } from './history.ts';
import { addImage } from './image.ts';
import { addImages } from './images.ts';
import { addJobs } from './jobs.ts';
import { addKill } from './kill.ts';
import { addLoad } from './load.ts';
import { addLogin } from './login.ts';
import { addLogout } from './logout.ts';
import { addLogs } from './logs.ts';
import { addLs } from './ls.ts';
import { addNetwork } from './network.ts';
import { addNotBuilt } from './not-built.ts';
import { addPause } from './pause.ts';
import { addPlan } from './plan.ts';
import { addPort } from './port.ts';
import { runProgram, type AddCommand } from './program.ts';
import { addPs } from './ps.ts';
import { addPull } from './pull.ts';
import { addPush } from './push.ts';
import { addRestart } from './restart.ts';
import { addRm } from './rm.ts';
import { addRollback } from './rollback.ts';
import { addRun } from './run.ts';
import { addSave } from './save.ts';
import { addScale } from './scale.ts';
import { addStart } from './start.ts';
import { addStats } from './stats.ts';
import { addStop } from './stop.ts';
import { addTop } from './top.ts';
import { addUnpause } from './unpause.ts';
import { addUp } from './up.ts';
import { addVersion } from './version.ts';
import { addVolume } from './volume.ts';
import { addVolumes } from './volumes.ts';
import { addWait } from './wait.ts';
import { addWatch } from './watch.ts';

/** In the order of the help. */
const COMMANDS: readonly AddCommand[] = [
  addUp, addWatch, addDown, addCreate, addScale, addPlan, addApply, addHistory, addDiff, addRollback, addGraph, addJobs, addPs, addLs, addLogs, addEvents, addTop, addStats, addPort, addWait,
  addStart, addStop, addRestart, addPause, addUnpause, addKill, addRm,
  addExec, addRun, addAttach, addCp, addExport, addCommit,
  addConfig,
  addLoad, addSave, addPull, addPush,
  addImages, addImage,
  addLogin, addLogout,
  addNetwork,
  addVolume, addVolumes,
  addEngine, addVersion, addCompletion, addNotBuilt, addFetchStack,
];

/** The chunk with every command. */
export async function run(argv: readonly string[], cli: Cli): Promise<number> {
  return await runProgram(COMMANDS, argv, cli);
}
