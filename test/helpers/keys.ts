/** Key pairs for tests alone. */
export const testKeys = {
  publish: {
    signing: {
      keyId: "test-publish",
      pkcs8: "MC4CAQAwBQYDK2VwBCIEIOD2gzCSV71Zs4/kytyBQw9b+1B3esbCMxEm9rptbFk7",
    },
    publicKeys: {
      "test-publish": "LcCdpjqdVjmFjakb7717zEnmWZcsQE0LqcImL+BGWCE=",
    },
  },
  deployment: {
    signing: {
      keyId: "test-deployment",
      pkcs8: "MC4CAQAwBQYDK2VwBCIEIPiHs/BKSskeXnFG+RWy3e2YEgmke7J08YXOsY0zNFX1",
    },
    publicKeys: {
      "test-deployment": "U4ZEIEPMDt/+uCPEOeVaosgXrn8qlQZdpI4JLwVJjtw=",
    },
  },
};
