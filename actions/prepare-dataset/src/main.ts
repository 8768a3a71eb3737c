import { prepareDatasetRequest, stageAction } from '@prometheus-actions/chain';
import { runAction } from '@prometheus-actions/stage';

await runAction((action) => stageAction(prepareDatasetRequest, action, () => import('@actions/cache')));
