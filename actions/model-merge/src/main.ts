import { modelMergeRequest, stageAction } from '@prometheus-actions/chain';
import { runAction } from '@prometheus-actions/stage';

await runAction((action) => stageAction(modelMergeRequest, action));
