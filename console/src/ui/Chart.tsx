// A chart by ECharts, loaded when the first is shown. A table of the same figures stands beside it for who cannot see it.
import { Skeleton, theme } from "antd";
import type { EChartsCoreOption } from "echarts/core";
import { useEffect, useRef, useState } from "react";

type Drawing = typeof import("./drawing");

export function Chart({ option, height = 280, label }: { option: EChartsCoreOption; height?: number; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [drawing, setDrawing] = useState<Drawing | null>(null);
  const { token } = theme.useToken();
  useEffect(() => {
    void import("./drawing").then(setDrawing);
  }, []);
  useEffect(() => {
    if (!drawing || !place.current) return;
    const chart = drawing.init(place.current);
    chart.setOption({ color: [token.colorPrimary, token.colorInfo, token.colorWarning, token.colorError], textStyle: { color: token.colorText, fontFamily: token.fontFamily }, animation: false, ...option });
    const watching = new ResizeObserver(() => chart.resize());
    watching.observe(place.current);
    return () => {
      watching.disconnect();
      chart.dispose();
    };
  }, [drawing, option, token]);
  return (
    <div ref={place} role="img" aria-label={label} style={{ height }}>
      {drawing ? null : <Skeleton active />}
    </div>
  );
}
