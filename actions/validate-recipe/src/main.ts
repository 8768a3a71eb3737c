import { validateAction } from '@prometheus-actions/chain/validate';
import { runAction } from '@prometheus-actions/stage';

await runAction(validateAction);
