// noVNC ships no types; this is what its docs/API.md says about what we use.

declare module "@novnc/novnc" {
  export interface RFBEvents {
    connect: Event;
    disconnect: CustomEvent<{ clean: boolean }>;
    credentialsrequired: CustomEvent<{ types: string[] }>;
    securityfailure: CustomEvent<{ status: number; reason?: string }>;
    desktopname: CustomEvent<{ name: string }>;
  }

  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, channel: object, options?: { shared?: boolean; credentials?: { password?: string } });
    scaleViewport: boolean;
    showDotCursor: boolean;
    background: string;
    focusOnClick: boolean;
    focus(): void;
    disconnect(): void;
    sendCredentials(credentials: { password?: string }): void;
    sendCtrlAltDel(): void;
    sendKey(keysym: number, code: string, down?: boolean): void;
    addEventListener<Name extends keyof RFBEvents>(name: Name, listener: (event: RFBEvents[Name]) => void): void;
  }
}
