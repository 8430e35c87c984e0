// The platform's answer to `$series` as points: samples as they are, or stretches with their least and most. Pure.
import type { Parts } from "~/fhir/parameters";

export interface Stretch {
  at: number;
  low: number;
  high: number;
  mean: number;
}

export function stretches(series: Parts): Stretch[] {
  const start = Date.parse(series.text("start"));
  const offsets = series.text("offsets");
  if (offsets) {
    const values = numbers(series.value<fhir4.SampledData>("values"));
    return offsets.split(" ").flatMap((one, place) => made(start + Number(one), values[place], values[place], values[place]));
  }
  const period = series.number("period") ?? 0;
  const [low, high, mean] = ["low", "high", "mean"].map((name) => numbers(series.value<fhir4.SampledData>(name)));
  return (mean ?? []).flatMap((one, place) => made(start + place * period, low?.[place], high?.[place], one));
}

function made(at: number, low: number | undefined, high: number | undefined, mean: number | undefined): Stretch[] {
  const known = [low, high, mean].every((one) => one !== undefined && !Number.isNaN(one));
  return known ? [{ at, low: low as number, high: high as number, mean: mean as number }] : [];
}

/** NaN where the device was silent (FHIR's E) or could say no more than a bound. */
function numbers(data: fhir4.SampledData | undefined): number[] {
  const factor = data?.factor ?? 1;
  return (data?.data ?? "").split(" ").filter(Boolean).map((one) => Math.round(Number(one) * factor * 100) / 100);
}
