// A QR code, drawn here as one path: nothing is asked of anybody for it.
import { Ecc, QrCode } from "@rc-component/qrcode/es/libs/qrcodegen";
import { useMemo } from "react";

const QUIET = 4; // modules of white around it, as the standard wants

export function Qr({ text, label }: { text: string; label: string }) {
  const { path, size } = useMemo(() => {
    const code = QrCode.encodeText(text, Ecc.MEDIUM);
    const rows = code.getModules().flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x + QUIET} ${y + QUIET}h1v1h-1z`] : [])));
    return { path: rows.join(""), size: code.size + 2 * QUIET };
  }, [text]);
  return (
    <svg className="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shapeRendering="crispEdges">
      <rect width={size} height={size} fill="#ffffff" />
      <path d={path} fill="#000000" />
    </svg>
  );
}
