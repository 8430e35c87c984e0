// What stands in place of a page that could not be shown: without it all of the screen goes, and with it the way back.
// Pages are loaded when they are opened: without a network, and after the platform was renewed, one may not come.
import { Component, type ReactNode } from "react";
import { Problem } from "~/fhir/client";

const NOT_LOADED = /dynamically imported module|module script|error loading/i;

interface Props {
  /** Where one is: going elsewhere forgets what went wrong. */
  at: string;
  say: (error: Problem) => ReactNode;
  children: ReactNode;
}

export class Broken extends Component<Props, { at: string; error: Problem | null }> {
  override state = { at: this.props.at, error: null as Problem | null };

  static getDerivedStateFromError(error: unknown) {
    return { error: new Problem(NOT_LOADED.test(String(error)) ? 0 : 500, [], "") };
  }

  static getDerivedStateFromProps(props: Props, state: { at: string }) {
    return props.at === state.at ? null : { at: props.at, error: null };
  }

  override render(): ReactNode {
    return this.state.error ? this.props.say(this.state.error) : this.props.children;
  }
}
