// A curve drawn as SVG: a band from least to most, a line through the means, broken where nothing was measured.
import { minuteOf } from "~/ui/time";
import type { Stretch } from "./stretches";

const WIDTH = 340; // As wide as a phone, so that its words are as large as the others.
const HEIGHT = 220;
const LEFT = 64;
const BOTTOM = 36;
const TOP = 12;
const GAPS = 60; // A silence longer than the span's part by this is a gap.

export function Curve({ points, days, label }: { points: Stretch[]; days: number; label: string }) {
  const last = Date.now();
  const first = last - days * 86_400_000;
  const least = Math.min(...points.map((one) => one.low));
  const most = Math.max(...points.map((one) => one.high));
  const room = (most - least || 2) * 0.1;
  const x = (at: number) => LEFT + ((at - first) / (last - first)) * (WIDTH - LEFT - 8);
  const y = (value: number) => TOP + ((most + room - value) / (most - least + 2 * room || 1)) * (HEIGHT - TOP - BOTTOM);
  const runs = broken(points, (days * 86_400_000) / GAPS);
  const ticks = [most, (most + least) / 2, least].filter((one, place, all) => all.indexOf(one) === place);
  return (
    <svg className="curve" role="img" aria-label={label} viewBox={`0 0 ${WIDTH} ${HEIGHT}`}>
      {ticks.map((one) => (
        <g key={one}>
          <line x1={LEFT} x2={WIDTH - 8} y1={y(one)} y2={y(one)} className="grid" />
          <text x={LEFT - 8} y={y(one)} textAnchor="end" dominantBaseline="middle">{Math.round(one * 10) / 10}</text>
        </g>
      ))}
      <text x={LEFT} y={HEIGHT - 8}>{stamp(first, days)}</text>
      <text x={WIDTH - 8} y={HEIGHT - 8} textAnchor="end">{stamp(last, days)}</text>
      {runs.map((run) => {
        const there = run.map((one) => `${x(one.at)},${y(one.high)}`);
        const back = run.map((one) => `${x(one.at)},${y(one.low)}`).reverse();
        return (
          <g key={run[0]?.at}>
            <polygon points={[...there, ...back].join(" ")} className="band" />
            <polyline points={run.map((one) => `${x(one.at)},${y(one.mean)}`).join(" ")} className="line" />
            {run.length < 40 ? run.map((one) => <circle key={one.at} cx={x(one.at)} cy={y(one.mean)} r="3" className="dot" />) : null}
          </g>
        );
      })}
    </svg>
  );
}

/** Points in runs without a long silence. */
function broken(points: Stretch[], silence: number): Stretch[][] {
  const runs: Stretch[][] = [];
  for (const one of points) {
    const run = runs.at(-1);
    const before = run?.at(-1);
    if (run && before && one.at - before.at <= silence) run.push(one);
    else runs.push([one]);
  }
  return runs;
}

function stamp(at: number, days: number): string {
  const said = minuteOf(at);
  return days > 1 ? said.slice(5, 10) : said.slice(11);
}
