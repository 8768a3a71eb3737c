import { reportAction } from '@prometheus-actions/chain/report';
import { runAction } from '@prometheus-actions/stage';

await runAction(reportAction);
