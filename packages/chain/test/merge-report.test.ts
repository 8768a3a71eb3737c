import { describe, expect, it } from 'vitest';
import { describeMerge, mergeReport } from '../src/merge-report.ts';

/** Two experts of two layers, compared with their base. */
const METRICS = {
  method: 'ties',
  models: ['${absolute}', '${relative}'],
  donor: '${absolute}',
  tensors: 21,
  parameters: 5_300_000,
  bytes_read: 32_100_000,
  bytes_written: 10_700_000,
  shards_kept: 0,
  seconds: 2.4,
  comparison: {
    base: true,
    sampled_elements: 86_016,
    models: ['${absolute}', '${relative}'],
    pairs: [{ models: [0, 1], distance: 0.01234, cosine: 0.4321, sign_conflict: 0.3127, equal: 0.0512 }],
    changed: [0.91, 0.8888],
    layers: [
      { layer: 'embeddings', distance: 0.002, cosine: 0.9, sign_conflict: 0.1, changed: [0.05, 0.04] },
      { layer: 0, distance: 0.0101, cosine: 0.5, sign_conflict: 0.25, changed: [0.95, 0.9] },
      { layer: 1, distance: 0.0204, cosine: -0.125, sign_conflict: 0.5, changed: [0.96, 0.92] },
      { layer: 'head', distance: 0.03, cosine: 0.2, sign_conflict: 0.4, changed: [1, 1] },
    ],
  },
};
const WITHOUT_BASE = {
  ...METRICS,
  method: 'linear',
  shards_kept: 3,
  comparison: {
    ...METRICS.comparison,
    base: false,
    changed: null,
    pairs: METRICS.comparison.pairs.map((pair) => ({ ...pair, sign_conflict: null })),
    layers: METRICS.comparison.layers.map((layer) => ({ ...layer, sign_conflict: null, changed: null })),
  },
};

it('says in a few words what was merged and how far apart it was', () => {
  expect(describeMerge(METRICS)).toBe('ties of 2 models, experts 0.0123 apart');
  expect(describeMerge({})).toBe('');
});

describe('the merge report', () => {
  it('tells what differs, on the whole and by layer', () => {
    expect(mergeReport(METRICS)).toBe(`#### Merge report

ties of \`\${absolute}\`, \`\${relative}\`; config and tokenizer of \`\${absolute}\`. 32.1 MB read, 10.7 MB written in 2.4 s.

| | distance | cosine | sign conflict | equal elements |
| --- | ---: | ---: | ---: | ---: |
| \`\${absolute}\` – \`\${relative}\` | 0.0123 | 0.432 | 31.3 % | 5.1 % |

Elements that differ from the base: \`\${absolute}\` 91.0 %, \`\${relative}\` 88.9 %.

\`\`\`mermaid
xychart-beta
  title "Distance of \${absolute} and \${relative}"
  x-axis "layer" 0 --> 1
  y-axis "distance" 0 --> 0.0204
  line [0.0101, 0.0204]
\`\`\`

\`\`\`mermaid
xychart-beta
  title "Cosine of their task vectors (model - base)"
  x-axis "layer" 0 --> 1
  y-axis "cosine" -0.125 --> 0.5
  line [0.5, -0.125]
\`\`\`

<details><summary>\`\${absolute}\` – \`\${relative}\`, layer by layer</summary>

| layer | distance | cosine | sign conflict | changed: \`\${absolute}\` | changed: \`\${relative}\` |
| --- | ---: | ---: | ---: | ---: | ---: |
| embeddings | 0.002 | 0.900 | 10.0 % | 5.0 % | 4.0 % |
| 0 | 0.0101 | 0.500 | 25.0 % | 95.0 % | 90.0 % |
| 1 | 0.0204 | -0.125 | 50.0 % | 96.0 % | 92.0 % |
| head | 0.03 | 0.200 | 40.0 % | 100.0 % | 100.0 % |

</details>

Distance: ‖x₀ - x₁‖ / ‖x₀‖. Cosine and sign conflict: of the task vectors (model - base). From a sample of 86,016 elements, spread evenly over each tensor.
`);
  });

  it('leaves out, without a base model, what needs one', () => {
    const report = mergeReport(WITHOUT_BASE);
    expect(report).toContain('| `${absolute}` – `${relative}` | 0.0123 | 0.432 |  | 5.1 % |');
    expect(report).toContain('| layer | distance | cosine | sign conflict |\n');
    expect(report).toContain('Cosine: of the weights.');
    expect(report).toContain('3 shards were there from an interrupted run and were kept.');
    expect(report).not.toMatch(/changed|null|undefined|NaN/);
  });

  it('holds no exponents, which Mermaid cannot read, and no Markdown of a name', () => {
    const layers = METRICS.comparison.layers.map((layer) => ({ ...layer, distance: layer.distance * 1e-6 }));
    const tiny = { ...METRICS, donor: 'a|b`<x>', comparison: { ...METRICS.comparison, layers } };
    expect(mergeReport(tiny)).not.toMatch(/\de-/);
    expect(mergeReport(tiny)).toContain('tokenizer of `a b  x `.');
  });

  it('of one model on its base has no pair', () => {
    const layers = METRICS.comparison.layers.map(({ layer, changed }) => ({
      layer,
      changed: changed.slice(0, 1),
    }));
    const comparison = {
      ...METRICS.comparison,
      models: ['${absolute}'],
      pairs: [],
      changed: [0.91],
      layers,
    };
    const report = mergeReport({
      ...METRICS,
      method: 'task_arithmetic',
      models: ['${absolute}'],
      comparison,
    });
    expect(report).toContain('| 0 |  |  |  | 95.0 % |');
    expect(report).not.toMatch(/mermaid|undefined|NaN/);
  });

  it('is a sentence where nothing was compared, and nothing where nothing is known', () => {
    const { comparison: _, ...rest } = METRICS;
    expect(mergeReport(rest).trim().split('\n')).toHaveLength(3);
    expect(mergeReport({ tensors: 21 })).toBe('');
  });
});
